"""Who may import whom, and what is done in one place only: the rules of the house, read from the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "taskapi"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "migrations/versions" not in str(path))
FEATURES = {path.parent.name for path in SOURCE.glob("*/models.py")} | {
    path.parent.name for path in SOURCE.glob("*/service.py")
}
ROOMS = {"__init__", "models", "schemas", "service", "api", "jobs", "queries"}

# What a room may use of its own feature: the arrows all point the same way.
BELOW = {
    "models": set[str](),
    "schemas": set[str](),
    "queries": {"models"},
    "service": {"models", "schemas", "queries"},
    "api": {"service", "schemas"},
    "jobs": {"service", "schemas", "models"},
}
# What is assembled from all others, and so may import any feature.
ASSEMBLY = {"application", "__main__", "server", "schema", "doctor", "handlers"}
ASSEMBLY_FOLDERS = {"commands", "seeding", "backups", "moving", "planting", "archives"}


def _imports(path: Path) -> Iterator[str]:
    """Every module a file imports, with what is taken from it: `taskapi.tasks.service.create`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _feature_and_room(imported: str) -> tuple[str, str] | None:
    parts = imported.split(".")
    if parts[0] == "taskapi" and len(parts) > 2 and parts[1] in FEATURES:
        return parts[1], parts[2]
    return None


def _name(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_point_one_way(path: Path) -> None:
    own_feature = path.parent.name if path.parent.name in FEATURES else None
    for imported in _imports(path):
        used = _feature_and_room(imported)
        if used is None:
            continue
        feature, room = used
        if own_feature is None:
            is_assembly = path.stem in ASSEMBLY or path.parent.name in ASSEMBLY_FOLDERS
            assert is_assembly, f"{_name(path)} is infrastructure and imports the feature {feature}"
        elif feature == own_feature:
            assert room in BELOW[path.stem], f"{_name(path)} must not use {room}"
        else:
            assert room in {"service", "models"}, f"{_name(path)} may not use {room} of {feature}"


@pytest.mark.parametrize("feature", sorted(FEATURES))
def test_a_feature_has_no_other_rooms(feature: str) -> None:
    assert {path.stem for path in (SOURCE / feature).glob("*.py")} <= ROOMS


def test_services_models_and_queries_never_see_flask() -> None:
    for path in MODULES:
        if path.stem in {"service", "models", "queries", "schemas", "jobs"}:
            reached = {name.split(".")[0] for name in _imports(path)}
            assert "flask" not in reached, _name(path)
            assert not any(name.startswith("taskapi.http") for name in _imports(path)), _name(path)


def test_endpoints_speak_no_sql() -> None:
    for path in SOURCE.glob("*/api.py"):
        assert not any(name.startswith("sqlalchemy") for name in _imports(path)), _name(path)


def test_no_drawer_without_a_label() -> None:
    names = {path.stem for path in MODULES} | {path.parent.name for path in MODULES}
    assert not names & {"utils", "helpers", "common", "core", "base", "manager", "misc"}


def test_only_the_database_module_and_the_request_boundary_commit() -> None:
    for path in MODULES:
        calls = {
            node.func.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert "commit" not in calls or path.name in {"db.py", "commits.py"}, _name(path)


def test_only_settings_and_the_doctor_read_the_environment() -> None:
    for path in MODULES:
        if path.name not in {"settings.py", "doctor.py"}:
            assert "os.environ" not in path.read_text(), _name(path)
            assert "getenv" not in path.read_text(), _name(path)


def test_creating_a_task_passes_through_four_files_of_one_folder() -> None:
    reached: set[Path] = set()
    waiting = [SOURCE / "tasks" / "api.py"]
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        for imported in _imports(path):
            used = _feature_and_room(imported)
            if used is not None:
                waiting.append(SOURCE / used[0] / f"{used[1]}.py")
    rooms = {_name(path) for path in reached if path.stem != "models"}
    assert rooms == {"tasks/api.py", "tasks/schemas.py", "tasks/service.py", "tasks/queries.py"}
