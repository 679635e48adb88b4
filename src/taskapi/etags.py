"""Entity tags and what clients say with them (RFC 9110, sections 8.8.3 and 13.1)."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from taskapi.errors import BadRequest, StaleMatch

# Part of every tag: a release that changes a representation counts it up, and no client keeps an old one.
REPRESENTATION = 1

_OPAQUE = r'"([\x21\x23-\x7e\x80-\xff]*)"'
_TAG = re.compile(f"(W/)?{_OPAQUE}")
# Elements of a list may be empty (RFC 9110, section 5.6.1.2).
_ELEMENT = rf"[ \t]*(?:(?:W/)?{_OPAQUE}[ \t]*)?"
_LIST = re.compile(f"{_ELEMENT}(?:,{_ELEMENT})*")
# The same representation in another encoding has a tag of its own; for matching they are one.
_ENCODING = re.compile(r"-(?:zstd|br|gzip)$")


def etag_of(*parts: object) -> str:
    """The strong tag of what these parts determine: what it is, whose, and the epoch of its last change."""
    text = "\x1f".join([str(REPRESENTATION), *map(str, parts)])
    return f'"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"'


def tag_by_url(user_id: str, environ: Mapping[str, Any], epoch: int) -> str:
    """The tag of what depends on an epoch alone: whose it is and what was asked for, as it was asked."""
    return etag_of(user_id, environ["PATH_INFO"], environ.get("QUERY_STRING", ""), epoch)


def in_encoding(etag: str, encoding: str) -> str:
    """The tag of the same representation in an encoding: another strong tag, because the bytes differ."""
    return f'{etag[:-1]}-{encoding}"'


@dataclass(frozen=True)
class Match:
    """A parsed If-Match or If-None-Match; `tags` holds (weak, opaque), None stands for `*`."""

    tags: tuple[tuple[bool, str], ...] | None
    # As they were sent, with their encodings.
    sent: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def parse(cls, header: str | None, name: str) -> "Match | None":
        """The header's value, or None where it was not sent.

        Raises BadRequest where it is malformed.
        """
        if header is None:
            return None
        if header.strip(" \t") == "*":
            return cls(None)
        tags = _TAG.findall(header) if _LIST.fullmatch(header) else []
        if not tags:
            raise BadRequest(
                f"{name} is not a list of entity tags.",
                errors=[{"pointer": f"header/{name}", "detail": 'use "TAG", "TAG" or *'}],
            )
        return cls(
            tuple((weak == "W/", _ENCODING.sub("", tag)) for weak, tag in tags), tuple(tag for _, tag in tags)
        )

    def is_current(self, etag: str) -> bool:
        """Whether If-None-Match names this tag: weakly compared, as RFC 9110 has it."""
        return self.tags is None or any(tag == _bare(etag) for _, tag in self.tags)

    def names(self, etag: str) -> bool:
        """Whether If-None-Match holds this very tag, encoding and all."""
        return etag.strip('"') in self.sent

    def admit(self, etag: str) -> None:
        """Let a write pass whose If-Match names this tag, strongly compared.

        Raises StaleMatch with the current tag.
        """
        if self.tags is not None and (False, etag.strip('"')) not in self.tags:
            raise StaleMatch(etag)


def _bare(etag: str) -> str:
    return _ENCODING.sub("", etag.strip('"'))
