"""A real SMTP host on loopback that remembers what it took, and refuses or hangs up where a test says so."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.servers import free_port

USER = "postmaster"
SECRET = "sesame"


@dataclass(frozen=True)
class Taken:
    """A mail that was answered with 250, and when that was."""

    sender: str
    recipient: str
    content: bytes
    at: float
    encrypted: bool
    # Which connection it came by.
    connection: object

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.content, policy=policy.SMTP)
        assert isinstance(message, EmailMessage)
        return message

    @property
    def id(self) -> str:
        return str(self.message["Message-ID"])

    def text(self, kind: str = "plain") -> str:
        body = self.message.get_body((kind,))
        assert body is not None
        text: str = body.get_content()
        return text


@dataclass
class MailHost:
    """`answer` is given each mail, and the address for which step; what it returns is the host's answer."""

    answer: Callable[[str, Any], str | None] = lambda _step, _what: None
    taken: list[Taken] = field(default_factory=list)
    connections: int = 0
    offered: int = 0
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    # No property: aiosmtpd looks at all members of what it is given, with each connection.
    def ids(self) -> list[str]:
        with self.lock:
            return [one.id for one in self.taken]

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = self.answer("MAIL", address)
        if said is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return said or "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = self.answer("RCPT", address)
        if said is None:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return said or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        with self.lock:
            self.offered += 1
        said = self.answer("DATA", envelope.content)
        if said == "hang up":
            _abort(server)
            return "421 gone"
        if said is not None:
            return said
        (recipient,) = envelope.rcpt_tos
        sender = envelope.mail_from or ""
        encrypted = session.ssl is not None
        taken = Taken(sender, recipient, envelope.content, time.time(), encrypted, session.peer)
        with self.lock:
            self.taken.append(taken)
        return "250 taken"


class _Controller(Controller):
    """Counts connections, and hangs up at its end: aiosmtpd would leave them to be found as garbage."""

    def __init__(self, host: MailHost, port: int, options: dict[str, Any]) -> None:
        super().__init__(
            host, hostname="127.0.0.1", port=port, ready_timeout=10, enable_SMTPUTF8=True, **options
        )
        self._servers: list[SMTP] = []

    def factory(self) -> SMTP:
        self.handler.connections += 1
        self._servers.append(super().factory())  # type: ignore[no-untyped-call] # it has no types
        return self._servers[-1]

    def stop(self, no_assert: bool = False) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(timeout=10)
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        for server in self._servers:
            _abort(server)
        await asyncio.sleep(0.02)


def _abort(server: SMTP) -> None:
    if isinstance(server.transport, asyncio.WriteTransport):
        server.transport.abort()


@contextmanager
def mail_host(
    answer: Callable[[str, Any], str | None] = lambda _step, _what: None, port: int = 0, **options: Any
) -> Iterator[MailHost]:
    """A host that listens, with aiosmtpd's options for it."""
    host = MailHost(answer)
    controller = _Controller(host, port or free_port(), options)
    controller.start()
    host.connections = 0  # The controller's own, which found out that it listens.
    host.port = controller.port
    try:
        yield host
    finally:
        controller.stop()


def with_password(*, tls: ssl.SSLContext) -> dict[str, Any]:
    """Options of a host that lets USER in, and nobody before the line is encrypted."""

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and given == LoginPassword(USER.encode(), SECRET.encode())
        return AuthResult(success=right, handled=False)

    return {"tls_context": tls, "auth_required": True, "authenticator": check}


@dataclass(frozen=True)
class SelfMade:
    """A certificate that its maker alone signed; `file` is what trusts it."""

    file: Path
    context: ssl.SSLContext


def self_made(folder: Path) -> SelfMade:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, secret)
    return SelfMade(pem, context)
