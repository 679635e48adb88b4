"""Folding and search words, against a plain model on texts in six scripts."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from taskapi.text import email_key, folded, label_key, searchable, title_key, words

# A word as people write it, and as it is compared: by hand, one pair for each way they differ.
ALPHABETIC = {
    "Miete": "miete",
    "CAFÉ": "cafe",
    "cafe\u0301": "cafe",
    "Straße": "strasse",
    "ＦＵＬＬ": "full",
    "ﬁnd": "find",
    "№5": "no5",
    "Ångström": "angstrom",
    "rent": "rent",
    "renting": "renting",
    "2026": "2026",
    "Молоко": "молоко",
    "ЁЛКА": "елка",
    "йогурт": "иогурт",
    "خبز": "خبز",
    "خُبْزٌ": "خبز",
    "كِتَاب": "كتاب",
    "किताब": "किताब",
    "दूध": "दूध",
    "हिन्दी": "हिन्दी",
    "ΟΔΟΣ": "οδοσ",
    "οδός": "οδοσ",
}
# Runs of scripts without spaces, alike: found from any of their characters on.
RUNS = {
    "東京都庁": "東京都庁",
    "牛乳": "牛乳",
    "買い物": "買い物",
    "カタカナ": "カタカナ",
    "ｶﾀｶﾅ": "カタカナ",
    "ﾊﾞﾅﾅ": "バナナ",
    "は\u3099なな": "ばなな",
    "우유": "우유",
    "한국어": "한국어",
    unicodedata.normalize("NFD", "김치"): "김치",
}
BETWEEN = st.sampled_from([" ", "  ", ", ", "-", ". ", "\n", " – ", "/", "؟ ", "。", "।", "\u3000", " 🎉 "])
_WORD = st.sampled_from(sorted(ALPHABETIC) + sorted(RUNS))


def as_compared(word: str) -> str:
    return (ALPHABETIC | RUNS)[word]


@st.composite
def _documents(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A text, and its words as they were written."""
    written = draw(st.lists(_WORD, max_size=6))
    text = "".join(word + draw(BETWEEN) for word in written)
    return text, written


def _found(query: str, document: str) -> bool:
    """What the search does: each word of the query begins a word of the text."""
    return all(f" {word}" in document for word in words(query))


def should_be_found(piece: str, is_run: bool, written: list[str]) -> bool:
    """The model: a run by each pair of neighbours in it, another word by the beginning of a word."""
    plain = [as_compared(word) for word in written if (word in RUNS) == is_run]
    if not is_run:
        return any(word.startswith(piece) for word in plain)
    pairs = [piece[at : at + 2] for at in range(len(piece) - 1)] or [piece]
    return all(any(pair in run for run in plain) for pair in pairs)


@settings(max_examples=400, deadline=None)
@given(document=_documents(), asked=_WORD, start=st.integers(0, 3), length=st.integers(1, 5))
def test_a_word_finds_the_texts_where_it_begins_a_word(
    document: tuple[str, list[str]], asked: str, start: int, length: int
) -> None:
    text, written = document
    # A piece of a run may begin anywhere in it; one of another word at its beginning.
    begin = min(start, len(as_compared(asked)) - 1) if asked in RUNS else 0
    piece = as_compared(asked)[begin : begin + length]
    assert _found(piece, searchable(text)) == should_be_found(piece, asked in RUNS, written)


@settings(max_examples=200, deadline=None)
@given(document=_documents(), others=st.lists(_WORD, max_size=2))
def test_every_text_is_found_by_all_its_words_however_they_are_written(
    document: tuple[str, list[str]], others: list[str]
) -> None:
    text, written = document
    stored = searchable("a title", text, *others)
    everything = " ".join(written + others)
    for query in (everything, everything.casefold(), unicodedata.normalize("NFD", everything)):
        assert _found(query, stored)
    assert _found(" ".join(map(as_compared, written + others)), stored)


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.text(max_size=20), max_size=3))
def test_each_distinct_word_is_kept_once_with_a_space_before_it(texts: list[str]) -> None:
    stored = searchable(*texts)
    kept = stored.split(" ")[1:]
    assert stored == "".join(f" {word}" for word in kept)
    assert len(kept) == len(set(kept))
    assert set(kept) == {word for text in texts for word in words(text)}
    # No word can be mistaken for two, or for a wildcard of LIKE.
    assert all(word and not set(word) & set(" %\\\n\t") for word in kept)


@pytest.mark.parametrize(("text", "expected"), [
    ("", []),
    (" ?! – 🎉 ", []),
    ("iPhone買う", ["iphone", "買う", "う"]),
    ("東", ["東"]),
    ("東京", ["東京", "京"]),
    ("don't", ["don", "t"]),
    ("snake_case", ["snake", "case"]),
    ("a%b\\c", ["a", "b", "c"]),
])  # fmt: skip
def test_words_are_runs_of_letters_and_digits(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@settings(max_examples=500, deadline=None)
@given(
    text=st.text(max_size=12) | st.text(st.characters(min_codepoint=0x80, max_codepoint=0x24FF), max_size=6)
)
@example(text="İ")
@example(text="ᾳ\u0345")
@example(text="ǰ̣")
@example(text="ΐ")
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=12))
def test_spellings_of_the_same_characters_fold_alike(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert folded(unicodedata.normalize(form, text)) == folded(text)


_LETTERS = st.text("abcxyzäöüßéñçøœæабвгдёйжэюяαβγδώς", max_size=10)
_ACCENTS = st.text("\u0300\u0301\u0302\u0308\u030a\u0327\u064e\u05b0", max_size=2)


@settings(max_examples=200, deadline=None)
@given(text=_LETTERS, accents=_ACCENTS)
def test_case_accents_and_width_are_ignored(text: str, accents: str) -> None:
    assert folded(text.upper()) == folded(text) == folded(text.title())
    assert folded("".join(letter + accents for letter in text)) == folded(text)
    assert folded(accents + text) == folded(text)


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=10))
def test_full_width_is_like_narrow(text: str) -> None:
    wide = "".join(chr(ord(character) + 0xFEE0) for character in text)
    assert folded(wide) == folded(text) == text.lower()


@settings(max_examples=200, deadline=None)
@given(text=_LETTERS)
def test_titles_sort_without_case_but_with_accents(text: str) -> None:
    assert title_key(text.upper()) == title_key(text)
    assert title_key("é") != title_key("e")


@settings(max_examples=300, deadline=None)
@given(text=_LETTERS | st.text(max_size=12))
def test_one_label_is_spelt_in_any_case_width_and_composition(text: str) -> None:
    key = label_key(text)
    assert label_key(key) == key
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert label_key(unicodedata.normalize(form, text)) == key
    assert label_key(text.casefold()) == key


@settings(max_examples=100, deadline=None)
@given(text=_LETTERS)
def test_labels_are_told_apart_by_accents_but_not_by_case(text: str) -> None:
    assert label_key(text.upper()) == label_key(text) == label_key(text.title())
    assert label_key(f"{text}é") == label_key(f"{text}E\u0301") != label_key(f"{text}e")
    assert label_key(f"{text}ё") != label_key(f"{text}е")


def test_two_spellings_of_an_address_are_one_account() -> None:
    assert email_key(" Ann@Example.test ") == email_key("ａｎｎ@example.TEST") == "ann@example.test"
    assert email_key("ann+x@example.test") != email_key("ann@example.test")
    # Accents tell people apart: an account must not be had by somebody who is only spelt alike.
    assert email_key("rené@example.test") != email_key("rene@example.test")
