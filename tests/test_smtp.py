"""Handing mails to a host: encryption, log-in, a kept connection, and what a host may answer."""

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from email import policy
from email.message import EmailMessage
from typing import Any

import pytest

from taskapi.smtp import EncryptionMissing, Smtp, SmtpHost
from tests.mail_hosts import SECRET, USER, MailHost, SelfMade, mail_host, self_made, with_password
from tests.servers import free_port

TO = "ann@example.test"


@pytest.fixture
def smtp() -> Iterator[Callable[[str], Smtp]]:
    """Makes one by its URL, closed afterwards."""
    made: list[Smtp] = []

    def make(url: str) -> Smtp:
        made.append(Smtp(SmtpHost.parse(url), "[127.0.0.1]"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def message(text: str = "Hello") -> EmailMessage:
    made = EmailMessage(policy=policy.SMTP)
    made["Message-ID"] = f"<{text}@example.test>"
    made.set_content(text)
    return made


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> SelfMade:
    return self_made(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def _trusted(certificate: SelfMade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))


@pytest.fixture
def host() -> Iterator[MailHost]:
    with mail_host() as made:
        yield made


Sending = Callable[[str], Smtp]

READABLE = {
    "smtp://h": SmtpHost("h", 25, None, None, implicit_tls=False, starttls="offered"),
    "smtp://h:2525/": SmtpHost("h", 2525, None, None, implicit_tls=False, starttls="offered"),
    "smtp://u:p%40%2F@h": SmtpHost("h", 587, "u", "p@/", implicit_tls=False, starttls="required"),
    "smtps://u%40h:p@h": SmtpHost("h", 465, "u@h", "p", implicit_tls=True, starttls="required"),
    "smtp://h?starttls=required": SmtpHost("h", 25, None, None, implicit_tls=False, starttls="required"),
    "smtp://[::1]:25?starttls=never": SmtpHost("::1", 25, None, None, implicit_tls=False, starttls="never"),
}


@pytest.mark.parametrize("url", READABLE)
def test_an_address_says_where_and_how(url: str) -> None:
    assert SmtpHost.parse(url) == READABLE[url]


@pytest.mark.parametrize(
    "url",
    [
        "sesame",
        "http://sesame",
        "smtp://",
        "smtp://:sesame@h",
        "smtp://sesame@h",
        "smtp://h:sesame",
        "smtp://h/sesame",
        "smtp://h?sesame=1",
        "smtp://h?starttls=sesame",
        "smtp://h?sesame",
        "smtp://u:sesame@h?starttls=never",
        "smtp://u:sesame@[::1",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="starttls") as refusal:
        SmtpHost.parse(url)
    assert "sesame" not in str(refusal.value)


def test_a_password_is_not_shown() -> None:
    assert "sesame" not in repr(SmtpHost.parse("smtp://u:sesame@h"))


def test_many_mails_take_one_connection(smtp: Sending, host: MailHost) -> None:
    sending = smtp(f"smtp://127.0.0.1:{host.port}")
    for number in range(5):
        sending.send(message(f"{number}"), "no-reply@example.test", TO)
    assert [one.text().strip() for one in host.taken] == list("01234")
    assert {(one.sender, one.recipient) for one in host.taken} == {("no-reply@example.test", TO)}
    assert host.connections == 1


def test_a_connection_that_died_meanwhile_is_opened_anew(smtp: Sending) -> None:
    port = free_port()
    sending = smtp(f"smtp://127.0.0.1:{port}")
    for _ in range(2):
        with mail_host(port=port) as host:
            sending.send(message(), "no-reply@example.test", TO)
            assert len(host.taken) == 1


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_refusal_is_told_and_the_connection_goes_on(smtp: Sending, step: str) -> None:
    refused: list[Any] = []

    def once(at: str, what: Any) -> str | None:
        if at != step or refused:
            return None
        refused.append(what)
        return "450 not now"

    with mail_host(once) as host:
        sending = smtp(f"smtp://127.0.0.1:{host.port}")
        with pytest.raises(smtplib.SMTPException, match="not now"):
            sending.send(message("first"), "no-reply@example.test", TO)
        sending.send(message("second"), "no-reply@example.test", TO)
        assert [one.text().strip() for one in host.taken] == ["second"]
        assert host.connections == 1


def test_a_host_that_hangs_up_in_the_middle_has_not_taken_it(smtp: Sending) -> None:
    answers = iter(["hang up"])
    with mail_host(lambda step, _: next(answers, None) if step == "DATA" else None) as host:
        sending = smtp(f"smtp://127.0.0.1:{host.port}")
        with pytest.raises((smtplib.SMTPException, OSError)):
            sending.send(message("first"), "no-reply@example.test", TO)
        sending.send(message("second"), "no-reply@example.test", TO)
        assert [one.text().strip() for one in host.taken] == ["second"]


@pytest.mark.usefixtures("_trusted")
def test_starttls_is_used_where_it_is_offered(smtp: Sending, certificate: SelfMade, host: MailHost) -> None:
    with mail_host(tls_context=certificate.context) as offering:
        smtp(f"smtp://127.0.0.1:{offering.port}").send(message(), "no-reply@example.test", TO)
        assert [one.encrypted for one in offering.taken] == [True]
    smtp(f"smtp://127.0.0.1:{host.port}").send(message(), "no-reply@example.test", TO)
    assert [one.encrypted for one in host.taken] == [False]


def test_nothing_is_sent_in_the_clear_where_encryption_is_required(smtp: Sending, host: MailHost) -> None:
    for url in (f"smtp://127.0.0.1:{host.port}?starttls=required", f"smtp://u:p@127.0.0.1:{host.port}"):
        with pytest.raises(EncryptionMissing):
            smtp(url).send(message(), "no-reply@example.test", TO)
    assert host.taken == []


@pytest.mark.parametrize("form", ["smtp", "smtps"])
def test_a_certificate_that_nobody_trusts_is_refused(smtp: Sending, certificate: SelfMade, form: str) -> None:
    options: dict[str, Any] = {"ssl_context" if form == "smtps" else "tls_context": certificate.context}
    with mail_host(**options) as host:
        with pytest.raises(ssl.SSLCertVerificationError):
            smtp(f"{form}://127.0.0.1:{host.port}").send(message(), "no-reply@example.test", TO)
        assert host.taken == []


@pytest.mark.usefixtures("_trusted")
def test_a_host_may_encrypt_from_the_first_byte(smtp: Sending, certificate: SelfMade) -> None:
    with mail_host(ssl_context=certificate.context) as host:
        smtp(f"smtps://127.0.0.1:{host.port}").send(message(), "no-reply@example.test", TO)
        assert len(host.taken) == 1


@pytest.mark.usefixtures("_trusted")
def test_a_host_that_asks_for_a_password_gets_it_encrypted(smtp: Sending, certificate: SelfMade) -> None:
    with mail_host(**with_password(tls=certificate.context)) as host:
        smtp(f"smtp://{USER}:{SECRET}@127.0.0.1:{host.port}").send(message(), "no-reply@example.test", TO)
        assert [one.encrypted for one in host.taken] == [True]
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp(f"smtp://{USER}:wrong@127.0.0.1:{host.port}").check(3)


def test_an_address_of_other_letters_is_sent_as_it_is(smtp: Sending, host: MailHost) -> None:
    smtp(f"smtp://127.0.0.1:{host.port}").send(message(), "no-reply@example.test", "änn@example.test")
    assert [one.recipient for one in host.taken] == ["änn@example.test"]


def test_a_host_that_says_nothing_is_given_up(smtp: Sending) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(smtplib.SMTPException, match="timed out"),
    ):
        smtp(f"smtp://127.0.0.1:{silent.getsockname()[1]}").check(0.3)
