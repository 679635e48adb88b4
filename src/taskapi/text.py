"""What is searched and sorted by, computed here so that SQLite and PostgreSQL answer alike.

Neither engine's own collation, LIKE or tokenizer is trusted with it: they differ between engines, versions
and operating systems. Normalisation is Unicode's NFKC with full case folding (Unicode 3.13, UAX #15);
accents are dropped by removing combining diacritics after NFKD.
"""

import re
import unicodedata
from collections.abc import Iterable

# Scripts written without spaces between words, found by pairs of characters: Han, kana, Hangul, Bopomofo.
_CJK = "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u312f\u3130-\u318f\u31a0-\u31bf\u31f0-\u31ff"
_CJK += "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
# Marks that readers leave out when they search: combining diacritics, Hebrew points, Arabic vowel signs.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]"
)
# In these scripts vowel signs are part of the word, though Unicode does not call them letters.
_INDIC = "\u0900-\u0963\u0966-\u0fff\u1000-\u109f\u1780-\u17d3"
_PIECES = re.compile(f"[{_CJK}]+|(?:[{_INDIC}]|[^\\W_{_CJK}])+")
_CJK_START = re.compile(f"[{_CJK}]")


def folded(text: str) -> str:
    """Case, width and accents removed: what compares equal when a person would say it is the same."""
    if text.isascii():
        return text.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return unicodedata.normalize("NFKC", bare.casefold())


def words(text: str) -> list[str]:
    """The words of a text in order: runs of letters and digits; CJK runs as overlapping pairs."""
    found: list[str] = []
    for piece in _PIECES.findall(folded(text)):
        if _CJK_START.match(piece) and len(piece) > 1:
            # The last character stands alone too, so that a search for it alone finds its beginning.
            found.extend(piece[i : i + 2] for i in range(len(piece) - 1))
            found.append(piece[-1])
        else:
            found.append(piece)
    return found


def searchable(*texts: str) -> str:
    """The distinct words of some texts, each with a space before it: ` pay rent`.

    A word that begins with `re` is then found by LIKE '% re%'.
    """
    distinct = dict.fromkeys(word for text in texts for word in words(text))
    return "".join(f" {word}" for word in distinct)


def title_key(title: str) -> str:
    """What titles are sorted by: case-folded, compared by code point."""
    return title.casefold()


def label_key(label: str) -> str:
    """What two spellings of one label have in common: case and width are ignored, accents are not.

    It is Unicode's compatibility caseless match (3.13, D146), composed.
    """
    if label.isascii():
        return label.lower()
    once = unicodedata.normalize("NFKD", unicodedata.normalize("NFD", label).casefold())
    return unicodedata.normalize("NFKC", once.casefold())


def label_keys(labels: Iterable[str]) -> str:
    """The keys of some labels, each between two line breaks, which no label holds."""
    return "".join(f"\n{label_key(label)}" for label in labels) + "\n"


def label_pattern(label: str) -> str:
    """What LIKE finds a label by in `label_keys`; its escape character is the backslash."""
    escaped = re.sub(r"([\\%_])", r"\\\1", label_key(label))
    return f"%\n{escaped}\n%"


def word_pattern(word: str) -> str:
    """What LIKE finds the beginning of a word by in what `searchable` made; no word holds a wildcard."""
    return f"% {word}%"


def email_key(address: str) -> str:
    """What two spellings of one mail address have in common; accounts are told apart by it."""
    return unicodedata.normalize("NFKC", address.strip()).casefold()
