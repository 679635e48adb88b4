"""What reaches the terminal: never what would steer it."""

import io
import json
import unicodedata
from contextlib import redirect_stdout
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from taskapi.terminal.showing import clean, escaped, short_ids, show_task, show_tasks

ANY_TEXT = st.text(max_size=60) | st.text(st.characters(max_codepoint=0x9F), max_size=30)
TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def steers(text: str) -> bool:
    """Whether it has anything beyond characters to be seen and plain line ends."""
    return any(
        (unicodedata.category(one) == "Cc" and one != "\n") or one in "\u2028\u2029" or one in TURNING
        for one in text
    )


def task(**fields: Any) -> dict[str, Any]:
    made = "2026-11-25T10:00:00Z"
    blank = {"due_at": None, "due_on": None, "completed_at": None, "trashed_at": None, "project_id": None}
    times = {"created_at": made, "updated_at": made}
    words = {"title": "T", "description": "", "status": "todo", "priority": "none", "labels": []}
    return {"id": "01a210db-2333-7377-9ed4-829176966721", **blank, **times, **words, **fields}


@given(ANY_TEXT)
def test_clean_text_is_one_line_that_steers_nothing(text: str) -> None:
    assert not steers(clean(text))
    assert "\n" not in clean(text)
    assert len(clean(text)) == len(text)


@given(st.recursive(ANY_TEXT, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner), max_leaves=5))
def test_escaped_json_is_the_same_value_and_steers_nothing(value: Any) -> None:
    shown = escaped(json.dumps(value, ensure_ascii=False))
    assert json.loads(shown) == value
    assert not steers(shown)


@given(ANY_TEXT)
def test_whatever_a_task_says_the_table_and_the_page_steer_nothing(text: str) -> None:
    printed = io.StringIO()
    with redirect_stdout(printed):
        wild = task(title=text, labels=[text], description=text, status=text, priority=text)
        show_tasks([wild | {"project_id": "p"}], {"p": text})
        show_task(wild, text)
    assert not steers(printed.getvalue())


def test_short_ids_are_as_long_as_it_takes_to_tell_tasks_apart() -> None:
    tasks = [task(id=f"01a210db-2333-7377-9ed4-{number}29176966721") for number in range(3)]
    assert list(short_ids(tasks).values()) == ["029176966721", "129176966721", "229176966721"]
    assert list(short_ids(tasks[:1]).values()) == ["966721"]
    assert len(short_ids([*tasks, tasks[0]])) == 3
