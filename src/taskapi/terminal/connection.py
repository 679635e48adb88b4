"""Which server this terminal is connected to, kept in a file that only its owner can read."""

import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from taskapi.terminal.troubles import SETUP, Trouble


@dataclass(frozen=True)
class Connection:
    """A server's address, the token for it, and its version when this terminal was connected."""

    url: str
    token: str
    version: str = ""


def file() -> Path:
    return Path(click.get_app_dir("taskapi")) / "terminal.json"


def kept() -> Connection | None:
    """What `login` kept. Raises Trouble for a file that others can read or nobody can understand."""
    path = file()
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        found = json.loads(path.read_bytes())
        connection = Connection(found["url"], found["token"], found.get("version", ""))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise Trouble(SETUP, "bad_config", f"{path} cannot be read; run `taskapi task login` again") from None
    if mode & 0o077:
        raise Trouble(
            SETUP, "bad_config", f"others can read {path}, and your token in it; run `chmod 600 {path}`"
        )
    return connection


def keep(connection: Connection) -> None:
    """Written whole under another name first, so that an interruption leaves no half token."""
    path = file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        json.dump(asdict(connection), opened)
    draft.replace(path)


def forget() -> bool:
    """Whether there was anything to forget."""
    try:
        file().unlink()
    except FileNotFoundError:
        return False
    return True


def address(text: str) -> str:
    """A server's address, however much of it was typed. Raises Trouble."""
    url = text.strip().rstrip("/").removesuffix("/api/v1")
    if "://" not in url:
        url = f"http://{url}" if url.startswith(("localhost", "127.", "[::1]")) else f"https://{url}"
    if not url.startswith(("http://", "https://")) or len(url.split("://", 1)[1]) == 0:
        raise Trouble(SETUP, "bad_url", f"{text!r} is not an address like https://tasks.example.com")
    return url
