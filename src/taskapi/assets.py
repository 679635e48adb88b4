"""The files of the web UI: named by what is in them, so that browsers and CDNs keep them for a year.

`index.html` names its parts plainly (`web/app.js`) and works as it lies there. Served, each name carries the
hash of its bytes, an import map leads the plain names in modules to the hashed ones, and browsers hold every
part against its hash (Subresource Integrity).
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable

import orjson

from taskapi.files import File

KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_FOLDER = files("taskapi") / "web"
_HASH_CHARACTERS = 8
_HASHED = re.compile(rf"(?P<stem>[\w-]+)\.(?P<hash>[0-9a-f]{{{_HASH_CHARACTERS}}})(?P<ending>\.\w+)")
_NAMED_IN_PAGE = re.compile(r'(href|src)="web/([\w.-]+)"')
_IMPORT_MAP_PLACE = "<!-- import map -->"


@dataclass(frozen=True)
class Asset:
    """A file of the UI."""

    name: str
    file: File

    @cached_property
    def digest(self) -> bytes:
        return hashlib.sha256(self.file.content).digest()

    @property
    def hashed_name(self) -> str:
        stem, ending = self.name.rsplit(".", 1)
        return f"{stem}.{self.digest.hex()[:_HASH_CHARACTERS]}.{ending}"

    @property
    def integrity(self) -> str:
        return f"sha256-{base64.b64encode(self.digest).decode()}"


@dataclass(frozen=True)
class Page:
    """The page that starts the UI, with the policy that lets its own parts run and nothing else."""

    file: File
    policy: str


class Assets:
    """The files as they are now; `base` is where browsers fetch them, a CDN or this service."""

    def __init__(self, cdn_url: str | None = None, folder: Traversable = _FOLDER) -> None:
        self._base = f"{cdn_url}/web/" if cdn_url else "web/"
        self._origin = "/".join(cdn_url.split("/")[:3]) if cdn_url else ""
        self._assets = {
            path.name: Asset(path.name, File(path.read_bytes(), KINDS[_ending(path.name)]))
            for path in sorted(folder.iterdir(), key=lambda path: path.name)
            if path.is_file() and _ending(path.name) in KINDS
        }

    @property
    def names(self) -> frozenset[str]:
        """What may be asked for by name; a page has a path of its own."""
        return frozenset(name for name in self._assets if _ending(name) != ".html")

    @property
    def parts(self) -> list[Asset]:
        """What the pages are made of, in the order of the names."""
        return [self._assets[name] for name in sorted(self.names)]

    @property
    def release(self) -> str:
        """What tells these parts from those of another release: alike where all of them are."""
        return hashlib.sha256("\n".join(part.hashed_name for part in self.parts).encode()).hexdigest()[:12]

    def find(self, name: str) -> tuple[File, bool] | None:
        """A part by its plain or its hashed name, and whether it is for good.

        None where it is not ours, or not as it is now.
        """
        hashed = _HASHED.fullmatch(name)
        plain = f"{hashed['stem']}{hashed['ending']}" if hashed else name
        if plain not in self.names or (hashed and self._assets[plain].hashed_name != name):
            return None
        return self._assets[plain].file, hashed is not None

    def html(self, name: str) -> File:
        """A page as it lies there."""
        return self._assets[name].file

    @cached_property
    def index(self) -> Page:
        import_map = orjson.dumps(self._import_map()).decode()
        inline = f'<script type="importmap">{import_map}</script>'
        text = self._assets["index.html"].file.content.decode()
        text = _NAMED_IN_PAGE.sub(self._reference, text).replace(_IMPORT_MAP_PLACE, inline)
        digest = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
        return Page(File(text.encode(), KINDS[".html"]), self._policy(f"'sha256-{digest}'"))

    def _reference(self, match: re.Match[str]) -> str:
        """A part named in the page, by its hashed name and with the hash that it is held against."""
        asset = self._assets[match[2]]
        where = f'{match[1]}="{self._base}{asset.hashed_name}"'
        if _ending(asset.name) not in {".css", ".js"}:
            return where
        return f'{where} integrity="{asset.integrity}" crossorigin'

    def _import_map(self) -> Mapping[str, Mapping[str, str]]:
        """Where modules' imports lead: `./api.js` in a module means the address beside its own."""
        base = self._base if self._origin else f"./{self._base}"
        modules = [
            asset for name, asset in self._assets.items() if name.endswith(".js") and name not in _OF_PAGES
        ]
        return {
            "imports": {f"{base}{asset.name}": f"{base}{asset.hashed_name}" for asset in modules},
            "integrity": {f"{base}{asset.hashed_name}": asset.integrity for asset in modules},
        }

    def _policy(self, inline: str) -> str:
        ours = f"'self' {self._origin}".strip()
        return (
            f"default-src 'none'; script-src {ours} {inline}; style-src {ours}; img-src {ours}; "
            f"manifest-src {ours}; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        )


# Modules of the pages that mails lead to, which are no part of the UI.
_OF_PAGES = frozenset({"mailed.js", "verify.js", "reset.js", "unsubscribe.js", "words.js"})


def _ending(name: str) -> str:
    return name[name.rindex(".") :] if "." in name else ""
