"""What is documented is what there is."""

import re
from pathlib import Path

import pytest

from taskapi.limits import DEFAULTS, WITHOUT_DEFAULT, Policy
from taskapi.settings import Settings

ROOT = Path(__file__).parent.parent
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
TABLES = re.findall(r"^\| `(\w+)`", SETTINGS, re.MULTILINE)


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    names = {field.alias for field in Settings.model_fields.values()}
    assert set(TABLES) - set(DEFAULTS) - WITHOUT_DEFAULT == names


@pytest.mark.parametrize("policy", DEFAULTS.values(), ids=lambda policy: policy.name)
def test_every_limit_is_documented_with_its_figures(policy: Policy) -> None:
    row = rf"^\| `{policy.name}` \| (\d+) in (\d+) (minute|hour)"
    ((quota, count, unit),) = re.findall(row, SETTINGS, re.MULTILINE)
    seconds = int(count) * {"minute": 60, "hour": 3600}[unit]
    assert (int(quota), seconds) == (policy.quota, policy.seconds)


def test_the_readme_begins_with_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert re.search(r"```\nmake run .*\nmake test .*\n```", readme)


def test_links_between_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_no_registry_host_and_no_private_path_is_named() -> None:
    words = [b"files." + b"pythonhosted", b"pypi." + b"org", b"/work" + b"/main", b"registry." + b"npmjs"]
    for page in ROOT.rglob("*"):
        hidden = {".git", ".venv", "var", "__pycache__", ".hypothesis", ".mypy_cache", ".ruff_cache"}
        if page.is_file() and not hidden & set(page.relative_to(ROOT).parts):
            assert not [word for word in words if word in page.read_bytes()], page
