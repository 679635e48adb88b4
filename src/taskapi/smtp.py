"""Sending mail by SMTP (RFC 5321): one connection, kept between mails and opened anew when it has died."""

import smtplib
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal, Self, cast
from urllib.parse import parse_qsl, unquote, urlsplit

# The sum of what one mail may take stays below a job's lease: this long to find out that a kept connection is
# dead, though nobody closed it,
ALIVE_SECONDS = 4.0
# this long for greetings, encryption and log-in,
OPENING_SECONDS = 15.0
# and this long for each of the four steps that send it.
STEP_SECONDS = 10.0

_FORM = (
    "use smtp://USER:PASSWORD@HOST:PORT or smtps://USER:PASSWORD@HOST:PORT, in the password %-encoding "
    "what is neither letter nor digit; ?starttls=required or ?starttls=never may stand at its end"
)

StartTls = Literal["offered", "required", "never"]


@dataclass(frozen=True)
class SmtpHost:
    """Where mails are handed over, and how."""

    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    # Encrypted from the first byte.
    implicit_tls: bool
    starttls: StartTls

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError, without any part of the address, for one that cannot be read."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        except ValueError:
            raise ValueError(_FORM) from None
        starttls = options.pop("starttls", None)
        is_whole = parts.scheme in {"smtp", "smtps"} and host and not options and parts.path in {"", "/"}
        if not is_whole or starttls not in {None, "required", "never"} or (port is not None and port < 1):
            raise ValueError(_FORM)
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        if (user is None) != (password is None):
            raise ValueError("a user needs a password, and a password a user; " + _FORM)
        implicit = parts.scheme == "smtps"
        if user and starttls == "never" and not implicit:
            raise ValueError("a password is never sent in the clear; leave ?starttls=never out")
        default_port = 465 if implicit else 587 if user else 25
        wanted = starttls or ("required" if user else "offered")
        return cls(host or "", port or default_port, user, password, implicit, cast("StartTls", wanted))


class EncryptionMissing(smtplib.SMTPException):
    """The host offers no STARTTLS where that is asked for: nothing is sent in the clear."""


class Smtp:
    """A kept connection; one thread at a time uses it."""

    def __init__(self, host: SmtpHost, own_name: str) -> None:
        self._host = host
        self._own_name = own_name
        self._connection: smtplib.SMTP | None = None

    def send(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """Hand one mail over; returning means that the host has taken it.

        Raises SMTPException or OSError, also where the host may have taken it without our hearing of it.
        """
        connection = self._open()
        try:
            connection.send_message(message, sender, [recipient])
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused):
            # The host answered: the connection is as good as before, unless it says that it closes.
            raise
        except (smtplib.SMTPException, OSError):
            self.close()
            raise

    def check(self, seconds: float) -> None:
        """Raises SMTPException or OSError where the host does not greet, encrypt and let us in within it."""
        self._connection = self._connect(seconds)
        self.close()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(smtplib.SMTPException, OSError):
                connection.close()

    def _open(self) -> smtplib.SMTP:
        """The kept connection, if it still answers; else a new one."""
        if self._connection is not None and not _answers(self._connection):
            self.close()
        if self._connection is None:
            self._connection = self._connect(OPENING_SECONDS)
        return self._connection

    def _connect(self, seconds: float) -> smtplib.SMTP:
        host, began = self._host, time.monotonic()
        trusted = ssl.create_default_context()
        connection: smtplib.SMTP
        if host.implicit_tls:
            connection = smtplib.SMTP_SSL(
                host.host, host.port, self._own_name, timeout=seconds, context=trusted
            )
        else:
            connection = smtplib.SMTP(host.host, host.port, self._own_name, timeout=seconds)
        try:
            self._let_in(connection, trusted)
            _require_before(began + seconds)
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:
            connection.sock.settimeout(STEP_SECONDS)
        return connection

    def _let_in(self, connection: smtplib.SMTP, trusted: ssl.SSLContext) -> None:
        host = self._host
        connection.ehlo_or_helo_if_needed()
        if not host.implicit_tls and host.starttls != "never":
            if connection.has_extn("starttls"):
                connection.starttls(context=trusted)
                connection.ehlo_or_helo_if_needed()
            elif host.starttls == "required":
                raise EncryptionMissing("the host does not offer STARTTLS")
        if host.user is not None and host.password is not None:
            connection.login(host.user, host.password)


def _require_before(end: float) -> None:
    """Each step may have taken nearly as long as all of them together may."""
    if time.monotonic() > end:
        raise TimeoutError("the host takes too long to let us in")


def _answers(connection: smtplib.SMTP) -> bool:
    """Whether a kept connection is alive: hosts close silent ones, and nothing is lost on this question."""
    if connection.sock is None:
        return False
    connection.sock.settimeout(ALIVE_SECONDS)
    try:
        code, _ = connection.noop()
    except (smtplib.SMTPException, OSError):
        return False
    if connection.sock is not None:
        connection.sock.settimeout(STEP_SECONDS)
    return code == 250
