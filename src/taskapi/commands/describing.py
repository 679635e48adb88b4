"""What describes the service to other programs."""

from pathlib import Path

import click
import orjson

from taskapi import create_app
from taskapi.keys import new_secret_key, new_signing_key
from taskapi.settings import load_settings


@click.command()
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it into this file instead."
)
def openapi(out: Path | None) -> None:
    """Print the description of the API (OpenAPI 3.1).

    It is what /openapi.json answers. No database is needed, and nothing is made.

    \b
    Examples:
      taskapi openapi --out openapi.json
      taskapi openapi | jq '.paths | keys'
    """
    text = _document()
    if out is None:
        click.echo(text)
        return
    try:
        out.write_bytes(text + b"\n")
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written ({error.strerror}).") from None
    click.echo(f"Wrote {out}.")


def _document() -> bytes:
    """What the endpoint answers, indented; asked with keys of the moment, so that none are made and kept."""
    keys = {"TASKAPI_SIGNING_KEY": new_signing_key(), "TASKAPI_SECRET_KEY": new_secret_key()}
    app = create_app(load_settings(**keys))
    answer = app.test_client().get("/openapi.json")
    return orjson.dumps(orjson.loads(answer.data), option=orjson.OPT_INDENT_2)
