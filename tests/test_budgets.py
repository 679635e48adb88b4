"""Sizes that keep the code readable: design, rule 11. Passing one is a reason to cut, not to raise it."""

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "taskapi"
# Written by machines, or once and for all: long, and read by looking something up.
LONG = ("migrations/versions", "client/generated.py")
MODULES = sorted(path for path in SOURCE.rglob("*.py") if not any(part in str(path) for part in LONG))

MODULE_LINES = 300
FUNCTION_LINES = 50
FUNCTION_LINES_P90 = 25
FACTORY_LINES = 60


def _functions(path: Path) -> dict[str, int]:
    return {
        f"{path.relative_to(SOURCE)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_fits_its_budget(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MODULE_LINES


def test_functions_fit_their_budgets() -> None:
    sizes = {name: lines for path in MODULES for name, lines in _functions(path).items()}
    too_long = {name: lines for name, lines in sizes.items() if lines > FUNCTION_LINES}
    assert not too_long
    assert statistics.quantiles(sizes.values(), n=10)[-1] <= FUNCTION_LINES_P90


def test_the_factory_is_a_table_of_contents() -> None:
    assert _functions(SOURCE / "application.py")["application.py:create_app"] <= FACTORY_LINES


def test_the_root_of_the_checkout_is_small() -> None:
    visible = [path.name for path in ROOT.iterdir() if not path.name.startswith(".")]
    ignored = {"var", "build", "__pycache__"}
    assert len(set(visible) - ignored) <= 18
