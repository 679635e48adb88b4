"""Addresses of databases as they are set, and as SQLAlchemy takes them."""

from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

_ENGINES = {"sqlite", "postgresql", "postgres", "postgresql+psycopg"}


def is_known_engine(url: str) -> bool:
    """Whether a URL can be read, without a word of it: what went wrong may hold a part of the password."""
    try:
        given = make_url(url)
    except (ArgumentError, ValueError):
        return False
    # In memory each connection would have a database of its own.
    return given.drivername in _ENGINES and given.database not in {None, "", ":memory:"}


def parted(urls: SecretStr | None) -> list[str]:
    """Addresses set one after the other, with commas between them; `,` in a password is %2C."""
    given = "" if urls is None else urls.get_secret_value()
    return [url for url in (part.strip() for part in given.split(",")) if url]


def for_sqlalchemy(url: SecretStr) -> str:
    scheme, rest = url.get_secret_value().split(":", 1)
    return f"{scheme}:{rest}" if scheme == "sqlite" else f"postgresql+psycopg:{rest}"
