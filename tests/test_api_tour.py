"""docs/api.md: its samples run as they stand there, and its table is the document's."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Server, running
from tests.truth import document
from tools.generate_client import TOUR, with_table

TEXT = TOUR.read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("tour") / "home") as started:
        yield started


def _samples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.skipif(not shutil.which("curl"), reason="SKIPPED LOUDLY: the tour of the API needs curl")
def test_the_samples_answer_what_is_written_below_them(server: Server) -> None:
    """Below a command `# → TEXT` stands for what its output holds."""
    lines = "".join(_samples("sh")).replace("http://127.0.0.1:5000", server.url).splitlines()
    script = [
        f"printf '\\n@@%s\\n' {_quoted(line.removeprefix('# → '))}" if line.startswith("# → ") else line
        for line in lines
    ]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    told = re.findall(r"(.*?)\n@@([^\n]*)\n", done.stdout, re.DOTALL)
    assert len(told) == sum(line.startswith("# → ") for line in lines) >= 20
    for output, expected in told:
        assert expected.lower() in output.lower(), f"{expected} is not in {output}"


def test_the_sample_in_python_works(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    from taskapi.client import Client  # noqa: PLC0415 - beside what the sample itself imports

    with Client(server.url) as client:
        client.register(email="tour@example.com", password="correct horse battery")
        granted = client.login(email="tour@example.com", password="correct horse battery")
    (sample,) = _samples("python")
    exec(sample, {"url": server.url, "token": granted.data["access_token"]})  # noqa: S102 - the sample itself
    assert capsys.readouterr().out == "high stale_match\n"


def test_the_table_names_every_call_and_no_other() -> None:
    assert with_table(TEXT, document()) == TEXT, "run `make client` and commit the result"
    rows = re.findall(r"^\| (\w+) `([^`]+)` \|", TEXT, re.MULTILINE)
    calls = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    assert set(rows) == calls


def test_every_limit_status_and_header_named_is_one_of_the_document() -> None:
    codes = set(re.findall(r'"code":"(\w+)"', TEXT))
    known = set(document()["components"]["schemas"]["Problem"]["properties"]["code"]["x-extensible-enum"])
    assert codes <= known


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def test_the_tour_is_a_page() -> None:
    before, _, _ = TEXT.partition("## Every call")
    assert len(before.splitlines()) <= 160
    assert Path(TOUR).name == "api.md"
