"""Secrets that are given by file, as containers and service managers do."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from taskapi.errors import BadStart


def secrets_from_files(environment: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Secrets given by file: `<NAME>_FILE` first, then a file named like the setting in the directory.

    An empty file in the directory is none.
    """
    found = {}
    directory = environment.get("TASKAPI_SECRETS_DIR")
    for name in names:
        by_name = environment.get(f"{name}_FILE")
        in_directory = Path(directory) / name.lower() if directory else None
        if by_name:
            found[name] = _read_secret(Path(by_name), f"{name}_FILE")
        elif name not in environment and in_directory is not None and in_directory.is_file():
            content = _read_secret(in_directory, "TASKAPI_SECRETS_DIR")
            # Compose knows no file that may be missing: one that is empty is how it says "none".
            if content:
                found[name] = content
    return found


def _read_secret(path: Path, setting: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BadStart(f"{setting}: cannot read {path} ({reason}); mend the path or its rights") from None
