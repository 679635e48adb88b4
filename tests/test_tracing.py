"""A caller's trace goes on in ours, in what we leave to be done, and in every line of a log."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from taskapi.handlers import HANDLERS
from taskapi.jobs import OutboxRow
from taskapi.outbox import Outbox
from taskapi.parts import Parts
from taskapi.tracing import trace_of
from tests.people import Api, Person
from tests.test_logs import logging_to

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@pytest.mark.parametrize(
    "given_header",
    [f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00", f"cc-{TRACE}-{PARENT}-01-what-is-to-come"],
)
def test_a_trace_goes_on_with_a_part_of_ours(given_header: str) -> None:
    trace = trace_of(given_header, "mine")
    assert trace.trace_id == TRACE
    assert trace.span_id != PARENT
    assert trace.flags == given_header.split("-")[3]
    assert HEADER.fullmatch(trace.header)


@pytest.mark.parametrize(
    "given_header",
    [
        None,
        "",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
        f"00-{TRACE}-{PARENT}",
    ],
)
def test_what_is_no_trace_begins_one_that_a_fitting_request_id_names(given_header: str | None) -> None:
    assert trace_of(given_header, TRACE).trace_id == TRACE
    begun = trace_of(given_header, "mine")
    assert re.fullmatch("[0-9a-f]{32}", begun.trace_id)
    assert begun.trace_id != TRACE


@given(st.text(max_size=80), st.text(max_size=40))
def test_whatever_is_sent_the_header_is_one(header: str, request_id: str) -> None:
    assert HEADER.fullmatch(trace_of(header, request_id).header)


def test_a_request_its_job_and_their_lines_are_of_one_trace(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    app = make_app("sqlite")
    parts: Parts = app.extensions["taskapi"]
    for log in logging_to(app, tmp_path):
        account = {"email": "trace@example.test", "password": "correct horse battery staple"}
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "a-traced-one"}
        assert Api(app).post("/auth/register", account, headers=headers).status_code == 202
        with parts.database.reader() as session:
            (kept,) = session.rows(select(OutboxRow.traceparent, OutboxRow.request_id))
        assert kept.traceparent.split("-")[1] == TRACE
        assert Outbox(parts, HANDLERS).do_due() >= 1
        lines: list[dict[str, Any]] = [one for one in log.new() if one.get("http.request.id")]
        assert {one["trace.id"] for one in lines} == {TRACE}
        assert {one["http.request.id"] for one in lines} == {"a-traced-one"}
        by_logger = {one["log.logger"]: one["span.id"] for one in lines}
        assert {"taskapi.access", "taskapi.jobs", "taskapi.mail"} <= by_logger.keys()
        # The parts of the request and of the job are two.
        assert by_logger["taskapi.access"] != by_logger["taskapi.jobs"] == by_logger["taskapi.mail"]
        assert kept.traceparent.split("-")[2] == by_logger["taskapi.access"]


def test_what_is_logged_in_a_request_says_whose_it_is(ann: Person, tmp_path: Path) -> None:
    class Broken(Exception):
        pass

    def fail(*_: Any) -> None:
        raise Broken("on purpose")

    app = ann.app
    for log in logging_to(app, tmp_path):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("taskapi.stats.service.count", fail)
            answer = ann.api.get("/stats", headers={"X-Request-ID": "broken-one"})
        assert answer.status_code == 500
        told = [one for one in log.new() if one["log.level"] == "error"]
        assert [one["http.request.id"] for one in told] == ["broken-one"]
        assert told[0]["error.type"] == "Broken"
        assert "on purpose" in told[0]["error.stack_trace"]
