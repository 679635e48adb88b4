"""Mails as they leave: the same mail is the same bytes, and without a host it is a file."""

import logging
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskapi import mail as mails
from taskapi.ids import new_id
from taskapi.mail import InFolder, Mail, Sender, domain_of, message_of, written_mails

SENDER = Sender("Tasks", "tasks@example.com")
MOMENT = 1_764_000_000_123


def mail(**changes: str) -> Mail:
    made = Mail(
        id=new_id(),
        moment=MOMENT,
        address="ann@example.test",
        subject="Grüße: schön",
        text="Hallo Ännchen,\n\nkomm.\n",
        html="<p>Hallo Ännchen</p>\n",
        language="de",
    )
    return replace(made, **changes)  # type: ignore[arg-type] # texts alone are changed


def test_the_same_mail_is_the_same_message_to_the_byte() -> None:
    one = mail()
    assert message_of(one, SENDER, "h").as_bytes() == message_of(one, SENDER, "h").as_bytes()
    assert message_of(one, SENDER, "h").as_bytes() != message_of(mail(), SENDER, "h").as_bytes()


def test_a_message_says_what_it_is() -> None:
    one = mail()
    raw = message_of(one, SENDER, "h.example").as_bytes()
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    message = message_from_bytes(raw, policy=policy.SMTP)
    assert message["Message-ID"] == f"<{one.id}@h.example>"
    assert message["From"] == "Tasks <tasks@example.com>"
    assert message["To"] == "ann@example.test"
    assert message["Subject"] == one.subject
    assert parsedate_to_datetime(message["Date"]).timestamp() == MOMENT // 1000
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "de"
    assert message.get_content_type() == "multipart/alternative"
    parts = [(part.get_content_type(), part.get_content()) for part in message.iter_parts()]
    assert [(kind, text.replace("\r\n", "\n")) for kind, text in parts] == [
        ("text/plain", one.text),
        ("text/html", one.html),
    ]


HEADERS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "Content-Language",
    "MIME-Version",
    "Content-Type",
}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60), st.booleans())
def test_no_text_makes_a_header_of_its_own(text: str, in_subject: bool) -> None:
    """What has a line break is refused; anything else stays where it was put."""
    changes = {"subject": text} if in_subject else {"address": f"{text}@example.test"}
    try:
        raw = message_of(mail(**changes), SENDER, "h").as_bytes()
    except ValueError:
        assert any(end in text for end in "\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029") or not in_subject
        return
    assert sorted(message_from_bytes(raw, policy=policy.SMTP).keys()) == sorted(HEADERS)


@pytest.mark.parametrize(
    ("address", "header"),
    [
        ("o'brien@example.test", "o'brien@example.test"),
        ("ann@müller.example", "ann@xn--mller-kva.example"),
        ("ann@[192.0.2.1]", "ann@[192.0.2.1]"),
    ],
)
def test_odd_addresses_are_written_as_mail_wants_them(address: str, header: str) -> None:
    assert message_of(mail(address=address), SENDER, "h")["To"] == header


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("a@b.example", Sender("", "a@b.example")),
        ("Tasks <a@b.example>", Sender("Tasks", "a@b.example")),
        ('"Müller, Task" <a@b.example>', Sender("Müller, Task", "a@b.example")),
        ("taskapi <no-reply@[127.0.0.1]>", Sender("taskapi", "no-reply@[127.0.0.1]")),
    ],
)
def test_a_sender_is_an_address_with_or_without_a_name(text: str, sender: Sender) -> None:
    assert Sender.parse(text) == sender


@pytest.mark.parametrize(
    "text", ["", "a", "a@", "a@b, c@d", "a@b c@d", "a@b\r\nBcc: c@d", "ä@b.example", "<>", "x: a@b;"]
)
def test_what_is_no_one_address_is_no_sender(text: str) -> None:
    with pytest.raises(ValueError, match="use an address"):
        Sender.parse(text)


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://tasks.example.com/x", "tasks.example.com"),
        ("http://127.0.0.1:5000", "[127.0.0.1]"),
        ("http://[::1]:5000", "[IPv6:::1]"),
    ],
)
def test_the_services_own_domain_is_its_public_host(url: str, domain: str) -> None:
    assert domain_of(url) == domain


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "mail"


@pytest.fixture
def keep(folder: Path) -> Callable[[Mail], None]:
    return InFolder(folder, SENDER, "h").deliver


def test_a_file_is_its_owners_alone_and_a_redo_writes_the_same_one(
    folder: Path, keep: Callable[[Mail], None], caplog: pytest.LogCaptureFixture
) -> None:
    one = mail(link="https://h/verify#token")
    with caplog.at_level(logging.INFO):
        keep(one)
        keep(one)
    (path,) = folder.iterdir()
    assert path.name == f"20251124T160000Z-{one.id}.eml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all("https://h/verify#token" in line for line in caplog.messages)
    (written,) = written_mails(folder)
    assert (written.id, written.subject, written.text) == (one.id, one.subject, one.text)


def test_a_log_that_many_read_has_no_link(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        InFolder(folder, SENDER, "h", logs_links=False).deliver(mail(link="https://h/reset#token"))
    (said,) = caplog.messages
    assert "token" not in said
    assert ".eml" in said


def test_only_the_newest_files_are_kept(
    folder: Path, keep: Callable[[Mail], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mails, "MOST_FILES", 3)
    sent = [mail(subject=f"{number}") for number in range(5)]
    for number, one in enumerate(sent):
        keep(replace(one, moment=MOMENT + number * 1000))
    assert [written.subject for written in written_mails(folder)] == ["4", "3", "2"]
