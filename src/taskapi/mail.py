"""Mails as they leave: a message with a stable id, handed to an SMTP host, or a file where there is none."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.errors import MessageError
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import Policy
from email.utils import format_datetime
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urlsplit

from taskapi.smtp import Smtp, SmtpHost

# How many files of mails are kept, the newest.
MOST_FILES = 1000

_log = logging.getLogger("taskapi.mail")


@dataclass(frozen=True)
class Mail:
    """What a person is told; `id` is the job's, so that a mail that is sent twice is known as one."""

    id: str
    moment: int
    address: str
    subject: str
    text: str
    html: str
    language: str
    link: str = ""
    # Where mails of its kind are declined, by hand or by one click (RFC 8058).
    unsubscribe: str = ""


@dataclass(frozen=True)
class Sender:
    """Who mails are from: a name that is shown, and an address."""

    name: str
    address: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError for what is not one address, with or without a name."""
        wanted = "use an address, or NAME <ADDRESS>"
        try:
            found = policy.SMTP.header_factory("from", text)
        except (MessageError, ValueError, IndexError):
            raise ValueError(wanted) from None
        is_one = len(found.addresses) == 1 and found.groups[0].display_name is None
        if found.defects or not is_one or not found.addresses[0].domain:
            raise ValueError(wanted)
        one = found.addresses[0]
        if not one.addr_spec.isascii():
            raise ValueError("use an address of ASCII letters: not every host takes others")
        return cls(one.display_name, one.addr_spec)


class Mailer(Protocol):
    def deliver(self, mail: Mail) -> None:
        """Returning means that somebody has taken it; raising, that it has to be tried again."""


class ByHost:
    """Hands mails to an SMTP host."""

    def __init__(self, host: SmtpHost, sender: Sender, domain: str) -> None:
        self._smtp = Smtp(host, own_name=domain)
        self._sender = sender
        self._domain = domain

    def deliver(self, mail: Mail) -> None:
        message = message_of(mail, self._sender, self._domain)
        self._smtp.send(message, self._sender.address, _ascii_domain(mail.address))


class InFolder:
    """Keeps mails as files that only their owner can read.

    Their links are logged where whoever reads the log may have them: one for a new password is as good as it.
    """

    def __init__(self, folder: Path, sender: Sender, domain: str, *, logs_links: bool = True) -> None:
        self._folder = folder
        self._sender = sender
        self._domain = domain
        self._logs_links = logs_links

    def deliver(self, mail: Mail) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        at = datetime.fromtimestamp(mail.moment / 1000, UTC)
        # Named by what a redo has too: it writes the same file again.
        path = self._folder / f"{at:%Y%m%dT%H%M%SZ}-{mail.id}.eml"
        half = path.with_suffix(".half")
        half.touch(mode=0o600)
        half.write_bytes(message_of(mail, self._sender, self._domain).as_bytes())
        half.replace(path)
        for old in self.files()[:-MOST_FILES]:
            old.unlink(missing_ok=True)
        _log.info(
            "a mail is in %s%s", path, f"; its link is {mail.link}" if mail.link and self._logs_links else ""
        )

    def files(self) -> list[Path]:
        """The oldest first."""
        return sorted(self._folder.glob("*.eml"))


@dataclass(frozen=True)
class Written:
    """A mail's file, as it is listed and shown."""

    id: str
    date: str
    address: str
    subject: str
    text: str

    @classmethod
    def read(cls, path: Path) -> Self:
        message = message_from_bytes(path.read_bytes(), policy=policy.SMTP)
        body = message.get_body(("plain",))
        text = body.get_content().replace("\r\n", "\n") if body is not None else ""
        job_id = path.stem.partition("-")[2]
        return cls(job_id, str(message["Date"]), str(message["To"]), str(message["Subject"]), text)


def mailer(
    folder: Path, host: SmtpHost | None, sender: Sender, domain: str, *, logs_links: bool = True
) -> Mailer:
    """What mails leave by. Touches neither network nor disk yet."""
    if host is None:
        return InFolder(folder, sender, domain, logs_links=logs_links)
    return ByHost(host, sender, domain)


def written_mails(folder: Path) -> Iterator[Written]:
    """The mails that are files, the newest first."""
    for path in sorted(folder.glob("*.eml"), reverse=True):
        yield Written.read(path)


class _OneLine(UnstructuredHeader, BaseHeader):
    """A header that is an address of the web: in one line, however long, and never encoded.

    Else `email` takes it for text where it does not fit, and mail programs find no address in it.
    """

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _OneLine)
_POLICY = policy.SMTP.clone(header_factory=_HEADERS)


def message_of(mail: Mail, sender: Sender, domain: str) -> EmailMessage:
    """The same mail is the same message, to the byte. What is in a header cannot break out of it."""
    if mail.subject.splitlines() not in ([], [mail.subject]):
        # `email` looks for more than one line, and so not at a break behind the only one.
        raise ValueError("a subject has no line breaks")
    message = EmailMessage(policy=_POLICY)
    message["From"] = _mailbox(sender.address, sender.name)
    message["To"] = _mailbox(_ascii_domain(mail.address))
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(mail.moment // 1000, UTC))
    message["Message-ID"] = f"<{mail.id}@{domain}>"
    # RFC 3834: out-of-office answers are not sent to machines.
    message["Auto-Submitted"] = "auto-generated"
    if mail.unsubscribe:
        message["List-Unsubscribe"] = f"<{mail.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    message.set_boundary(f"=_{mail.id}")
    # Here, because setting content removes what headers there are of content.
    message["Content-Language"] = mail.language
    return message


def domain_of(url: str) -> str:
    """What stands after the @ in an address at the host of a URL."""
    host = urlsplit(url).hostname or "localhost"
    try:
        found = ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{found}]" if isinstance(found, IPv6Address) else f"[{found}]"


def _mailbox(address: str, name: str = "") -> Address:
    """Quoted where it has to be. Raises ValueError for an address with a line break."""
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)


def _ascii_domain(address: str) -> str:
    """The address with its domain as mail hosts know it (RFC 3490); what cannot be is left as it is."""
    local, _, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return address
