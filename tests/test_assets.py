"""The files of the web UI: how they are named, served and held against their hashes, and their sizes."""

import base64
import gzip
import hashlib
import re
import statistics
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import brotli
import orjson
import pytest
from flask import Flask

from taskapi.assets import KINDS, Assets
from taskapi.errors import BadStart
from taskapi.settings import load_settings
from tests.people import Api

WEB = Path(__file__).parent.parent / "src" / "taskapi" / "web"
FILES = sorted(path.name for path in WEB.iterdir())
PARTS = [name for name in FILES if not name.endswith(".html")]
MODULES = [name for name in FILES if name.endswith(".js")]
OF_MAILED_PAGES = {"mailed.js", "verify.js", "reset.js", "unsubscribe.js", "words.js"}
# A year, as long as anything may be kept (RFC 9111 knows no more than that in practice).
FOR_GOOD = "public, max-age=31536000, immutable"
INDEX_BYTES = 5 << 10
FIRST_PAINT_BYTES = 60 << 10
PARSES_MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc|setHTML"
)
# A function that begins on a line of its own; it ends with the brace as far in as its first line.
FUNCTION = re.compile(
    r"^( *)(?:export )?(?:async |static )*"
    r"(?:function\b.*|#?\w+\(.*\)|const \w+ = (?:async )?\(.*\) =>) \{$"
)
FILE_LINES, FUNCTION_LINES, FUNCTION_LINES_P90 = 300, 50, 25


@cache
def _text(name: str) -> str:
    return (WEB / name).read_text()


def _index(app: Flask) -> str:
    return Api(app).get("//").text


def _hashed(name: str) -> str:
    stem, ending = name.rsplit(".", 1)
    return f"{stem}.{hashlib.sha256((WEB / name).read_bytes()).hexdigest()[:8]}.{ending}"


def _integrity(name: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256((WEB / name).read_bytes()).digest()).decode()}"


def _import_map(page: str) -> dict[str, dict[str, str]]:
    (text,) = re.findall(r'<script type="importmap">(.*?)</script>', page)
    found: dict[str, dict[str, str]] = orjson.loads(text)
    return found


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_served_plainly_and_for_good_by_its_hash(app: Flask, name: str) -> None:
    plain = Api(app).get(f"//web/{name}")
    assert (plain.status_code, plain.headers["Cache-Control"]) == (200, "no-cache")
    for encoding, decode in (("br", brotli.decompress), ("gzip", gzip.decompress), ("", bytes)):
        answer = Api(app).get(f"//web/{_hashed(name)}", headers={"Accept-Encoding": encoding or "identity"})
        assert answer.headers["Cache-Control"] == FOR_GOOD
        assert answer.headers["Content-Type"].startswith(KINDS[f".{name.rsplit('.', 1)[1]}"])
        sent = answer.headers.get("Content-Encoding", "")
        assert sent in {encoding, ""}
        content = decode(answer.data) if sent else answer.data
        assert content == (WEB / name).read_bytes()
        assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "name",
    ["app.00000000.js", "app.js.map", "index.html", "verify.html", "..%2fsettings.py", "x", "app.0f.js"],
)
def test_nothing_else_is_served(app: Flask, name: str) -> None:
    assert Api(app).get(f"//web/{name}").status_code == 404


def test_the_page_is_asked_for_each_time_and_small(app: Flask) -> None:
    answer = Api(app).get("//", headers={"Accept-Encoding": "br"})
    assert answer.headers["Cache-Control"] == "no-cache"
    assert len(answer.data) <= INDEX_BYTES
    again = Api(app).get("//", headers={"If-None-Match": answer.etag})
    assert (again.status_code, again.data) == (304, b"")


def test_every_part_of_the_page_is_held_against_its_hash(app: Flask) -> None:
    page = _index(app)
    import_map = _import_map(page)
    modules = [name for name in MODULES if name not in OF_MAILED_PAGES]
    assert import_map["imports"] == {f"./web/{name}": f"./web/{_hashed(name)}" for name in modules}
    assert import_map["integrity"] == {f"./web/{_hashed(name)}": _integrity(name) for name in modules}
    for name in re.findall(r'href="web/(\w+\.css)"', _text("index.html")):
        assert f'href="web/{_hashed(name)}" integrity="{_integrity(name)}" crossorigin' in page
    assert f'src="web/{_hashed("app.js")}" integrity="{_integrity("app.js")}" crossorigin' in page


def test_the_policy_lets_the_pages_own_parts_run_and_nothing_else(app: Flask) -> None:
    answer = Api(app).get("//")
    (inline,) = re.findall(r'<script type="importmap">(.*?)</script>', answer.text)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    policy = dict(one.split(" ", 1) for one in answer.headers["Content-Security-Policy"].split("; "))
    assert policy.pop("script-src") == f"'self' 'sha256-{digest}'"
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "manifest-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", answer.text)
    assert len(re.findall("<script", answer.text)) == 2


def test_a_cdn_serves_every_part_and_nothing_more_is_allowed() -> None:
    page = Assets("https://cdn.example.com/taskapi").index
    text = page.file.content.decode()
    base = "https://cdn.example.com/taskapi/web/"
    assert set(_import_map(text)["imports"]) == {
        f"{base}{name}" for name in MODULES if name not in OF_MAILED_PAGES
    }
    assert not re.search(r'(href|src)="(?!https://cdn\.example\.com/taskapi/web/)', text)
    policy = dict(one.split(" ", 1) for one in page.policy.split("; "))
    assert policy["style-src"] == "'self' https://cdn.example.com"
    assert policy["connect-src"] == "'self'"


@pytest.mark.parametrize(
    "url", ["cdn.example.com", "https://cdn example", "https://cdn.example.com/?x", "ftp://x"]
)
def test_a_cdn_that_is_no_address_stops_the_start(url: str) -> None:
    with pytest.raises(BadStart, match="CDN_URL"):
        load_settings(CDN_URL=url)


def _reached(*names: str) -> set[str]:
    """Modules and what they import before they run."""
    reached: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += re.findall(r'^(?:import|export)[^;]*? from "\./([\w.-]+)"', _text(name), re.MULTILINE)
    return reached


@pytest.mark.parametrize("screen", [("signin.js",), ("shell.js", "list.js")])
def test_the_first_paint_takes_little(app: Flask, screen: tuple[str, ...]) -> None:
    styles = re.findall(r'href="web/(\w+\.css)"', _text("index.html"))
    needed = _reached("app.js", *screen) | set(styles)
    sizes = [len(Api(app).get(f"//web/{name}", headers={"Accept-Encoding": "br"}).data) for name in needed]
    page = len(Api(app).get("//", headers={"Accept-Encoding": "br"}).data)
    assert sum(sizes) + page <= FIRST_PAINT_BYTES


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith((".js", ".css"))])
def test_a_file_fits_its_budget(name: str) -> None:
    assert len(_text(name).splitlines()) <= FILE_LINES


def _functions(name: str) -> Iterator[int]:
    lines = _text(name).splitlines()
    for number, line in enumerate(lines):
        match = FUNCTION.match(line)
        if match and not line.strip().startswith(("if", "for", "while", "switch", "catch")):
            end = next(at for at in range(number + 1, len(lines)) if re.match(rf"{match[1]}}}", lines[at]))
            yield end - number + 1


def test_functions_fit_their_budgets() -> None:
    sizes = [size for name in MODULES for size in _functions(name)]
    assert len(sizes) > 200
    assert max(sizes) <= FUNCTION_LINES
    assert statistics.quantiles(sizes, n=10)[-1] <= FUNCTION_LINES_P90


def test_one_module_calls_one_makes_elements_and_none_parses_markup() -> None:
    for name in MODULES:
        text = _text(name)
        if name not in {"api.js", *OF_MAILED_PAGES}:
            assert not re.search(r"\bfetch\(|XMLHttpRequest|EventSource|sendBeacon", text), name
        if name != "dom.js":
            assert "createElement" not in text, name
        assert not PARSES_MARKUP.search(text), name


def _catalogue(language: str) -> dict[str, str]:
    """The keys of a language's words, with all forms of each."""
    text = "".join(_text(f"words-{language}{part}.js") for part in ("", "-tasks", "-account"))
    found = re.findall(r"^  (\w+): (\{.*?\}|\".*\"),$", text, re.MULTILINE)
    assert len({key for key, _ in found}) == len(found)
    return dict(found)


def test_german_has_every_word_with_the_same_places_and_forms() -> None:
    english, german = _catalogue("en"), _catalogue("de")
    assert len(english) > 300
    assert english.keys() == german.keys()
    for key, words in english.items():
        assert set(re.findall(r"\{\w+\}", words)) == set(re.findall(r"\{\w+\}", german[key])), key
        assert words.startswith("{") == german[key].startswith("{"), key
    assert not [key for key in english if english[key] == german[key] and len(english[key]) > 24]


def test_every_word_that_is_used_is_there_and_every_one_is_used() -> None:
    code = "".join(_text(name) for name in MODULES if not name.startswith("words"))
    used = set(re.findall(r'\bt\(\s*"(\w+)"', code)) | set(re.findall(r'"(\w+)"', code))
    begun = set(re.findall(r"`(\w+_)\$\{", code)) | {"problem_", "field_"}
    english = _catalogue("en")
    assert set(re.findall(r'\bt\(\s*"(\w+)"', code)) <= english.keys()
    patterns = [re.compile(rf"{re.escape(prefix)}\w+") for prefix in begun]
    # Put together of more than one part.
    made = r"empty_\w+_title|admin_\w+_sure"
    patterns.append(re.compile(made))
    assert [
        key for key in english if key not in used and not any(one.fullmatch(key) for one in patterns)
    ] == []
