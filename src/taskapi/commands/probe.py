"""What container engines and service managers ask: whether a process is well."""

import http.client
import sys
from contextlib import closing
from pathlib import Path

import click

from taskapi import heartbeats

_SECONDS = 3.0


@click.command()
@click.argument("kind", type=click.Choice(["serve", "worker", "scheduler"]), default="serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where `taskapi serve` listens.")
@click.option(
    "--port", default=5000, show_default=True, type=click.IntRange(1, 65535), help="The port it listens on."
)
@click.option(
    "--home",
    envvar="TASKAPI_HOME",
    default="var",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The TASKAPI_HOME of a worker or a scheduler.",
)
def probe(kind: str, host: str, port: int, home: Path) -> None:
    """Ask whether a process is well.

    Ends with 1 where it is not. Of `taskapi serve` that it is ready (/readyz); of a worker or a scheduler,
    which have no port, that one with this TASKAPI_HOME has shown a sign of life within a minute.

    \b
    Examples:
      taskapi probe
      taskapi probe serve --port 5001
      taskapi probe worker
    """
    trouble = _asked(host, port) if kind == "serve" else _heard(kind, home)
    if trouble:
        click.echo(f"{kind}: {trouble}", err=True)
        sys.exit(1)
    click.echo(f"{kind}: well")


def _asked(host: str, port: int) -> str:
    """What is wrong with who serves there, empty for nothing."""
    try:
        with closing(http.client.HTTPConnection(host, port, timeout=_SECONDS)) as connection:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            said = answer.read(1000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer on {host}:{port} ({type(error).__name__}: {error})"
    return "" if answer.status == 200 else f"{answer.status} {said}"


def _heard(kind: str, home: Path) -> str:
    silence = heartbeats.silence(home, "worker" if kind == "worker" else "scheduler")
    if silence is None:
        return f"no sign of life in {home}"
    return "" if silence <= heartbeats.MOST_SECONDS else f"silent for {silence:.0f} s"
