"""Each command teaches itself, stands in docs/commands.md, and starts no more than it needs."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import orjson
import pytest
from click.testing import CliRunner

from taskapi.__main__ import cli
from taskapi.application import create_app
from taskapi.commands.lazy import LazyGroup
from taskapi.settings import load_settings
from tests.servers import clean_environment, command

DOCS = (Path(__file__).parent.parent / "docs" / "commands.md").read_text()


def commands_below(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from commands_below(found, (*path, name))
        else:
            yield " ".join(("taskapi", *path, name)), found


ALL = dict(commands_below(cli))


@pytest.mark.parametrize("name", ALL)
def test_help_of_each_command_says_what_it_does_and_how_with_an_example(name: str) -> None:
    known = ALL[name]
    text = known.help or ""
    assert re.match(r"[A-Z].*\.$", text.split("\n")[0]), "the first line is a sentence"
    _, _, examples = text.partition("Examples:\n")
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert lines
    assert any(f"{name} " in f"{line} " for line in lines)
    for option in known.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help, f"{option.name} has no help"


@pytest.mark.parametrize("name", ALL)
def test_examples_use_options_that_there_are(name: str) -> None:
    known = {option for parameter in ALL[name].params for option in parameter.opts}
    _, _, examples = (ALL[name].help or "").partition("Examples:\n")
    for line in examples.splitlines():
        for part in re.split(r"\||&&|>>?", line):
            _, found, arguments = part.partition(f"{name} ")
            if found:
                used = set(re.findall(r"(?:^|\s)(--?[a-z][a-z-]*)", re.sub(r'"[^"]*"', "", arguments)))
                assert used <= known, part


def test_every_command_is_documented_and_every_documented_one_exists() -> None:
    assert set(re.findall(r"^\| `(taskapi [a-z -]+?)(?: [A-Z…\[].*?)?` \|", DOCS, re.MULTILINE)) == set(ALL)


@pytest.mark.parametrize("group", [cli, ALL and cli.get_command(click.Context(cli), "task")])
def test_the_lines_of_a_group_are_the_first_lines_of_its_commands(group: LazyGroup) -> None:
    for name, (_, line) in group.table.items():
        found = group.get_command(click.Context(group), name)
        assert found is not None
        assert found.name == name
        if not isinstance(found, click.Group):
            assert (found.help or "").split("\n")[0] == line


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("taskapi.__main__", {"flask", "sqlalchemy", "pydantic", "httpx", "rich", "alembic"}),
        ("taskapi.terminal.writing", {"flask", "sqlalchemy", "pydantic", "alembic", "granian"}),
    ],
)
def test_a_start_imports_no_more_than_it_needs(module: str, absent: set[str]) -> None:
    script = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert not absent & set(done.stdout.split())


def test_the_printed_description_is_the_one_that_is_served_and_nothing_is_made(home: Path) -> None:
    printed = command("openapi", home=home)
    assert printed.returncode == 0, printed.stderr
    assert not home.exists()
    app = create_app(load_settings(TASKAPI_HOME=home))
    served = app.test_client().get("/openapi.json")
    assert orjson.loads(printed.stdout) == orjson.loads(served.data)


def test_the_description_is_written_into_a_file_or_said_why_not(tmp_path: Path) -> None:
    wanted = tmp_path / "openapi.json"
    done = CliRunner().invoke(cli, ["openapi", "--out", str(wanted)])
    assert (done.exit_code, done.output) == (0, f"Wrote {wanted}.\n")
    assert orjson.loads(wanted.read_bytes())["openapi"].startswith("3.1")
    refused = CliRunner().invoke(cli, ["openapi", "--out", str(tmp_path / "none" / "openapi.json")])
    assert refused.exit_code == 1
    assert "cannot be written" in refused.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_says_where_it_belongs(shell: str) -> None:
    shown = CliRunner().invoke(cli, ["completion", shell])
    assert shown.exit_code == 0
    assert shown.output.startswith(f"# To have it in every new {shell}, add this line to ~/.")
    assert f"_TASKAPI_COMPLETE={shell}_complete" in shown.output


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("taskapi ta", "task"), ("taskapi task li", "list"), ("taskapi task list --so", "--sort")],
)
def test_a_shell_is_offered_commands_and_options(typed: str, offered: str) -> None:
    words = typed.split()
    done = subprocess.run(
        [sys.executable, "-m", "taskapi"],
        env=clean_environment(
            _TASKAPI_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=str(len(words) - 1)
        ),
        capture_output=True,
        check=True,
        text=True,
    )
    assert offered in [line.partition(",")[2] for line in done.stdout.splitlines()]
