"""What schemathesis makes of the document and the application, on both engines."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import ENGINES
from tests.contract.exploring import EXCEPTIONS, Explored, explore
from tests.truth import document

# Done only for what nobody but the mail or an admin could name; each operation else has to succeed somewhere.
NEVER_DONE: dict[str, str] = {}


@pytest.mark.parametrize("engine", ENGINES)
def test_schemathesis_finds_nothing_in_any_phase(make_app: Callable[..., Flask], engine: str) -> None:
    _nothing_is_found(explore(make_app(engine), examples=10))


@pytest.mark.prove
@pytest.mark.parametrize("engine", ENGINES)
def test_schemathesis_finds_nothing_however_long_it_looks(
    make_app: Callable[..., Flask], engine: str
) -> None:
    explored = explore(make_app(engine), examples=100)
    print(f"{engine}: {explored.answers.total()} answers")  # noqa: T201 - a proof prints its figures
    _nothing_is_found(explored)


def _nothing_is_found(explored: Explored) -> None:
    assert not explored.failures, "\n\n".join(explored.failures)
    assert not [status for _, status in explored.answers if status >= 500]
    done = {label for label, status in explored.answers if status < 300}
    operations = {
        f"{method.upper()} {path}": operation["operationId"]
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }
    never = {name for label, name in operations.items() if label not in done}
    assert never == NEVER_DONE.keys(), "an operation that never succeeds is not explored"


def test_each_exception_says_why() -> None:
    assert all(len(one.reason) > 20 for one in EXCEPTIONS)
