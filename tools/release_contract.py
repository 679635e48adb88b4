"""Keeps the document of this release; later ones are held against it: `python -m tools.release_contract`."""

import sys
from pathlib import Path
from typing import Any

import orjson

RELEASED = Path(__file__).parent.parent / "docs" / "openapi-released.json"


def main() -> None:
    from taskapi.contract import described  # noqa: PLC0415 - what is released is read without an application
    from tests.routes import bare_app  # noqa: PLC0415 - as above
    from tools.compatibility import breaks  # noqa: PLC0415 - as above

    document = described(bare_app())
    if RELEASED.exists():
        for line in breaks(released(), document):
            sys.stderr.write(f"{line}\n")
    RELEASED.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


def released() -> dict[str, Any]:
    """The document of the last release."""
    found: dict[str, Any] = orjson.loads(RELEASED.read_bytes())
    return found


if __name__ == "__main__":
    main()
