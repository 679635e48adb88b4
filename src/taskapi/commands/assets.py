"""The files of the web UI, put where they are served from."""

from pathlib import Path

import click

from taskapi.assets import Assets
from taskapi.errors import BadStart
from taskapi.publishing import KEPT_RELEASES, Bucket, Folder, Place, publish
from taskapi.stores.places import S3Place


@click.group()
def assets() -> None:
    """Put the files of the web UI where they are served from.

    By nginx from a folder, by a CDN from a bucket (docs/cdn.md).

    \b
    Examples:
      taskapi assets publish s3://assets.example.com
    """


@assets.command("publish")
@click.argument("place", envvar="TASKAPI_ASSETS_URL")
@click.option(
    "--keep",
    default=KEPT_RELEASES,
    show_default=True,
    type=click.IntRange(1, 100),
    help="As many releases stay there; what only older ones had is removed.",
)
def publish_(place: str, keep: int) -> None:
    """Put the files of this release there, before it is rolled out.

    A bucket by s3:// or s3+https:// (as S3_URL), or a folder, where each file has its compressed forms beside
    it. Files are named by what is in them and told to be kept for good; nothing that others put there is
    touched. An address with a secret is better given by TASKAPI_ASSETS_URL.

    \b
    Examples:
      taskapi assets publish s3://assets.example.com
      taskapi assets publish /srv/taskapi-assets
    """
    done = publish(Assets(), _place(place), keep)
    click.echo(
        f"Release {done.release}: {done.put} files put there, {done.removed} of older releases removed."
    )


def _place(named: str) -> Place:
    if "://" not in named:
        folder = Path(named).absolute()
        if not folder.is_dir():
            raise BadStart(f"PLACE: {folder} is no folder; make it, or name another")
        return Folder(folder)
    try:
        return Bucket(S3Place.parse(named))
    except ValueError as error:
        raise BadStart(f"PLACE: {error}") from None
