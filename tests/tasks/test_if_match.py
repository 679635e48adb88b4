"""Conditional requests: racing writers lose nothing, and who has it already is sent nothing."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.people import Answer, Person

_RACERS = 32
_STALE = '"000000000000000000000000"'


def _race(work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(_RACERS) as pool:
        for done in [pool.submit(work, number) for number in range(_RACERS)]:
            done.result()


def test_of_racing_writers_with_one_tag_exactly_one_wins(ann: Person) -> None:
    path = f"/tasks/{ann.new_task('0')['id']}"
    line = threading.Barrier(_RACERS, timeout=60)
    answers: dict[int, list[Answer]] = {}

    def work(number: int) -> None:
        for turn in range(4):
            read = ann.api.get(path)
            line.wait()
            title = str(int(read.json["title"]) + 1)
            answer = ann.api.patch(path, {"title": title}, headers={"If-Match": read.etag})
            answers.setdefault(turn, []).append(answer)
            line.wait()

    _race(work)
    for turn in range(4):
        won = [answer for answer in answers[turn] if answer.status_code == 200]
        lost = [answer for answer in answers[turn] if answer.status_code == 412]
        assert (len(won), len(lost)) == (1, _RACERS - 1)
        # Whoever lost is told the tag of what they lost to.
        assert {answer.etag for answer in lost} == {won[0].etag}
    assert ann.api.get(path).json["title"] == "4"


def test_a_counter_kept_by_read_and_retry_loses_no_acknowledged_step(ann: Person) -> None:
    path = f"/tasks/{ann.new_task('0')['id']}"
    acknowledged: list[tuple[str, str]] = []

    def work(_number: int) -> None:
        while True:
            read = ann.api.get(path)
            title = str(int(read.json["title"]) + 1)
            answer = ann.api.patch(path, {"title": title}, headers={"If-Match": read.etag})
            if answer.status_code == 200:
                acknowledged.append((read.etag, answer.etag))
                return
            assert answer.status_code == 412, answer.text

    _race(work)
    task = ann.api.get(path).json
    assert (task["title"], task["version"]) == (str(len(acknowledged)), 1 + _RACERS)
    assert set(Counter(base for base, _ in acknowledged).values()) == {1}
    assert len({new for _, new in acknowledged}) == _RACERS
    assert len(ann.api.get(f"{path}/history?limit=200").json["items"]) == 1 + _RACERS


# What may be sent as If-Match, `{}` standing for the current tag without its quotes, and what follows.
_HEADERS = [
    (None, 200),
    ("*", 200),
    (' "{}"\t', 200),
    (f'{_STALE},"{{}}"', 200),
    (f'"", W/{_STALE} , "{{}}" , "x"', 200),
    (',, "{}",', 200),
    ('"{}-gzip"', 200),
    (f'"{{}}-br", {_STALE}', 200),
    ('"{}-zstd"', 200),
    (_STALE, 412),
    ('""', 412),
    ('"*"', 412),
    (",", 400),
    ('W/"{}"', 412),
    ('W/"{}-gzip"', 412),
    ('"{}-gzip-gzip"', 412),
    ('"{}-deflate"', 412),
    ('"x{}"', 412),
    ('"{}x"', 412),
    ("{}", 400),
    ('"{}', 400),
    ('w/"{}"', 400),
    ('W/ "{}"', 400),
    (f'"{{}}" {_STALE}', 400),
    (f'"{{}}"; {_STALE}', 400),
    ('*, "{}"', 400),
    ('"{}", *', 400),
    ('"{}", x', 400),
    ('" {}"', 400),
    (f'"{{}}",\u00a0{_STALE}', 400),
]


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_a_write_passes_where_if_match_names_the_current_tag(ann: Person, method: str) -> None:
    for header, status in _HEADERS:
        task = ann.api.post("/tasks", {"title": "Pay rent"})
        path = f"/tasks/{task.json['id']}"
        headers = {} if header is None else {"If-Match": header.format(task.etag.strip('"'))}
        body = None if method == "DELETE" else {"title": "Renamed"}
        answer = ann.api.call(method, path, body, headers)
        if status == 200:
            assert answer.status_code == (204 if method == "DELETE" else 200), (header, answer.text)
            continue
        assert answer.status_code == status, (header, answer.text)
        if status == 412:
            assert (answer.etag, answer.json["code"]) == (task.etag, "stale_match")
        else:
            assert [fault["pointer"] for fault in answer.json["errors"]] == ["header/If-Match"]
        now = ann.api.get(path)
        assert (now.json, now.etag) == (task.json, task.etag)


def test_a_tag_of_an_older_state_or_of_another_task_does_not_pass(ann: Person) -> None:
    first = ann.api.post("/tasks", {"title": "Pay rent"})
    other = ann.api.post("/tasks", {"title": "Pay rent"})
    path = f"/tasks/{first.json['id']}"
    ann.api.patch(path, {"title": "Renamed"})
    ann.api.patch(path, {"title": "Pay rent"})
    for tag in (first.etag, other.etag):
        assert ann.api.delete(path, headers={"If-Match": tag}).status_code == 412
    missing = f"/tasks/{other.json['id'][::-1]}"
    assert ann.api.patch(missing, {"title": "x"}, headers={"If-Match": "*"}).status_code == 404


def test_the_profile_honours_if_match(ann: Person) -> None:
    before = ann.api.get("/me")
    changed = ann.api.patch("/me", {"name": "Ann"}, headers={"If-Match": before.etag})
    assert (changed.status_code, changed.etag == before.etag) == (200, False)
    stale = ann.api.patch("/me", {"name": "Anna"}, headers={"If-Match": before.etag})
    assert (stale.status_code, stale.etag) == (412, changed.etag)
    assert ann.api.get("/me").json["name"] == "Ann"


def _readable(person: Person) -> list[str]:
    task = f"/tasks/{person.new_task()['id']}"
    return [task, "/tasks", "/tasks?limit=1", f"{task}/history", "/me"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_it_already_is_answered_304_without_a_body(ann: Person, method: str) -> None:
    for path in _readable(ann):
        etag = ann.api.get(path).etag
        opaque = etag.strip('"')
        for header in (etag, f"W/{etag}", f"{_STALE}, {etag}", "*", f'"{opaque}-br"', f'W/"{opaque}-gzip"'):
            answer = ann.api.call(method, path, headers={"If-None-Match": header})
            assert (answer.status_code, answer.data, answer.etag) == (304, b"", etag), (path, header)
            assert answer.headers["Cache-Control"] == "private, no-cache"
        for header in (_STALE, f'"{opaque}-deflate"', f'"{opaque[1:]}"'):
            assert ann.api.call(method, path, headers={"If-None-Match": header}).status_code == 200
        malformed = ann.api.call(method, path, headers={"If-None-Match": opaque})
        assert malformed.status_code == 400


def test_a_tag_changes_with_the_task_alone_and_the_tag_of_a_list_with_any(ann: Person) -> None:
    path, whole, short, history, me = _readable(ann)
    etags = {p: ann.api.get(p).etag for p in (path, whole, short, history, me)}
    assert len(set(etags.values())) == len(etags)
    ann.new_task("A neighbour")
    assert ann.api.get(path).etag == etags[path]
    assert ann.api.get(me).etag == etags[me]
    assert ann.api.get(whole).etag != etags[whole]
    assert ann.api.get(short).etag != etags[short]
    ann.api.patch(path, {"title": "Renamed"})
    assert ann.api.get(path).etag != etags[path]


def test_two_people_never_share_the_tag_of_a_list(ann: Person, bob: Person) -> None:
    assert ann.api.get("/tasks").json == bob.api.get("/tasks").json
    assert ann.api.get("/tasks").etag != bob.api.get("/tasks").etag
