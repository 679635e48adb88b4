"""`taskapi task` against a real server, as a person or a script uses it."""

import json
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from taskapi.__main__ import cli
from tests.chaos.writers import prepared
from tests.people import Person
from tests.servers import Server, free_port, running


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def problem(self) -> Any:
        return json.loads(self.err)


@dataclass
class Terminal:
    """A terminal of somebody's own, with what it has kept."""

    folder: Path
    token: str
    server: Server

    def run(self, *arguments: str, typed: str = "", **environment: str) -> Ended:
        env: dict[str, str | None] = {"TASKAPI_URL": None, "TASKAPI_TOKEN": None}
        result = CliRunner().invoke(
            cli,
            ["task", *arguments],
            input=typed,
            env={**env, "XDG_CONFIG_HOME": str(self.folder), **environment},
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        assert self.token not in result.output
        return Ended(result.exit_code, result.stdout, result.stderr)

    def done(self, *arguments: str, typed: str = "") -> Any:
        """A command that is done, with its JSON."""
        ended = self.run(*arguments, "--json", typed=typed)
        assert (ended.code, ended.err) == (0, "")
        return ended.json

    def refused(self, code: int, *arguments: str, **environment: str) -> str:
        """The problem's code of a command that ends with this code; told alike with and without --json."""
        told = self.run(*arguments, "--json", **environment)
        assert (told.code, told.out) == (code, "")
        plain = self.run(*arguments, **environment)
        assert (plain.code, plain.out) == (code, "")
        assert plain.err.startswith(("taskapi: ", "Usage: "))
        return str(told.problem["code"])

    def call(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx.request(method, f"{self.server.url}/api/v1{path}", headers=headers, **more)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Iterator[Person]]]:
    """A server, and people who have not used it."""
    home = tmp_path_factory.mktemp("terminal") / "home"
    people = prepared(home, 60)
    with running(home, TASKAPI_LIMITS="off") as server:
        yield server, iter(people)


@pytest.fixture
def unconnected(served: tuple[Server, Iterator[Person]], tmp_path: Path) -> Terminal:
    server, people = served
    return Terminal(tmp_path, next(people).grant.access_token, server)


@pytest.fixture
def terminal(unconnected: Terminal) -> Terminal:
    connected = unconnected.run("login", "--url", unconnected.server.url, TASKAPI_TOKEN=unconnected.token)
    assert connected.code == 0, connected.err
    return unconnected


def test_login_asks_tries_and_keeps_a_private_file_and_logout_forgets(unconnected: Terminal) -> None:
    assert unconnected.refused(2, "list") == "not_connected"
    asked = unconnected.run("login", typed=f"{unconnected.server.url}/api/v1/\n{unconnected.token}\n")
    assert asked.code == 0, asked.err
    (file,) = unconnected.folder.rglob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert json.loads(file.read_text())["url"] == unconnected.server.url
    assert unconnected.run("list").out == "No task is like that.\n"
    assert unconnected.done("logout") == {"forgotten": True}
    assert unconnected.done("logout") == {"forgotten": False}
    assert not list(unconnected.folder.rglob("*.json"))


def test_a_token_that_does_not_hold_is_not_kept(unconnected: Terminal) -> None:
    arguments = ("login", "--url", unconnected.server.url, "--token", "tk_wrong")
    assert unconnected.refused(2, *arguments) == "unauthorized"
    assert not list(unconnected.folder.rglob("*.json"))


def test_a_kept_token_goes_to_no_other_server_and_to_nobody_who_can_read_its_file(terminal: Terminal) -> None:
    assert terminal.refused(2, "list", TASKAPI_URL="http://127.0.0.1:9") == "no_token"
    assert terminal.run("list", TASKAPI_URL=terminal.server.url).code == 0
    (file,) = terminal.folder.rglob("*.json")
    file.chmod(0o644)
    assert terminal.refused(2, "list") == "bad_config"
    file.chmod(0o600)
    file.write_text("{")
    assert terminal.refused(2, "list") == "bad_config"


def test_what_was_added_is_what_the_api_has(terminal: Terminal) -> None:
    project = terminal.call("POST", "/projects", json={"name": "Größe"})
    arguments = ("--due", "2026-12-01 17:30", "--priority", "high", "--label", "a", "--label", "b")
    made = terminal.done(
        "add", "Pay rent", *arguments, "--project", "grösse", "-s", "in_progress", "-d", "x\ny"
    )
    assert made == terminal.call("GET", f"/tasks/{made['id']}")
    assert (made["title"], made["labels"], made["priority"]) == ("Pay rent", ["a", "b"], "high")
    assert (made["project_id"], made["status"], made["description"]) == (project["id"], "in_progress", "x\ny")
    assert made["due_at"].startswith("2026-12-0")
    piped = terminal.done("add", "Piped", "--description", "-", typed="from\nstdin")
    assert piped["description"] == "from\nstdin"
    shown = terminal.run("add", "Shown")
    assert shown.out.startswith("Added ")
    assert shown.out.endswith("  Shown\n")


def test_lists_are_those_of_the_api(terminal: Terminal) -> None:
    project = terminal.call("POST", "/projects", json={"name": "Home"})["id"]
    for number in range(25):
        task = {"title": f"Task {number}", "labels": ["even"] if number % 2 == 0 else [], "priority": "low"}
        dated = {"due_on": f"2026-12-{number + 1:02}", "project_id": project if number % 3 == 0 else None}
        terminal.call("POST", "/tasks", json=task | dated | {"status": "done" if number > 20 else "todo"})
    for arguments, query in (
        ((), "limit=20"),
        (
            ("--status", "todo", "--status", "done", "--sort", "due"),
            "status=todo&status=done&sort=due&limit=20",
        ),
        (("--label", "EVEN", "--limit", "3"), "label=even&limit=3"),
        (("--project", "home", "--sort", "-title"), f"project={project}&sort=-title&limit=20"),
        (
            (
                "--project",
                "inbox",
            ),
            "project=inbox&limit=20",
        ),
        (("--search", "task 1"), "q=task+1&limit=20"),
        (
            ("--due-before", "2026-12-05", "--due-after", "2026-12-02"),
            "due_before=2026-12-05&due_after=2026-12-02",
        ),
        (("--priority", "urgent"), "priority=urgent"),
    ):
        listed, wanted = terminal.done("list", *arguments), terminal.call("GET", f"/tasks?{query}")
        assert listed["items"] == wanted["items"], arguments
        assert (listed["next_cursor"] is None) == (wanted["next_cursor"] is None)
    assert len(terminal.done("list", "--all")["items"]) == 25
    table = terminal.run("list", "--project", "home")
    assert len([line for line in table.out.splitlines() if "Task " in line]) == 9
    assert "Home" in table.out
    assert "There are more than these 20" in terminal.run("list").err
    assert terminal.refused(1, "list", "--project", "nowhere") == "no_such_project"


def test_a_task_is_named_by_any_unique_beginning_or_end_of_its_id(terminal: Terminal) -> None:
    made = [terminal.done("add", f"Task {number}") for number in range(3)]
    first = made[0]["id"]
    for text in (first, first.upper(), first[-6:]):
        assert terminal.done("show", text)["id"] == first
    longest = max(len(_shared(first, other["id"])) for other in made[1:])
    assert terminal.done("show", first[: longest + 1])["id"] == first
    assert terminal.refused(1, "show", first[:8]) == "ambiguous_id"
    assert terminal.refused(1, "show", "abcdefabcdef") == "not_found"
    assert terminal.refused(2, "show", "x/../y") == "bad_id"
    assert terminal.refused(1, "show", "00000000-0000-7000-8000-000000000000") == "not_found"


def _shared(one: str, other: str) -> str:
    count = next(at for at, (left, right) in enumerate(zip(one, other, strict=True)) if left != right)
    return one[:count]


def test_editing_changes_what_is_named_alone(terminal: Terminal) -> None:
    task = terminal.done("add", "Pay rent", "--due", "+3d", "--label", "Home", "--label", "x", "-p", "low")
    edited = terminal.done("edit", task["id"], "--title", "Pay", "--add-label", "y", "--remove-label", "home")
    assert edited["labels"] == ["x", "y"]
    assert {name: edited[name] for name in ("title", "due_on", "priority")} == {
        "title": "Pay",
        "due_on": task["due_on"],
        "priority": "low",
    }
    reminded = terminal.done("edit", task["id"], "--remind", "2031-12-01T10:00Z")
    assert reminded["remind_at"] == "2031-12-01T10:00:00Z"
    assert terminal.done("edit", task["id"], "--clear-reminder")["remind_at"] is None
    timed = terminal.done("edit", task["id"], "--due", "2026-12-01T10:00Z")
    assert (timed["due_on"], timed["due_at"]) == (None, "2026-12-01T10:00:00Z")
    cleared = terminal.done("edit", task["id"], "--clear-due", "--clear-labels")
    assert (cleared["due_at"], cleared["labels"]) == (None, [])
    assert terminal.refused(2, "edit", task["id"]) == "nothing_to_change"
    history = terminal.done("show", task["id"], "--history")["history"]
    assert len(history) == 6
    assert "title: Pay rent → Pay" in terminal.run("show", task["id"], "--history").out


def test_a_change_somebody_else_made_meanwhile_is_not_overwritten(terminal: Terminal) -> None:
    task = terminal.done("add", "Pay rent")
    etag = terminal.done("show", task["id"])["etag"]
    terminal.call("PATCH", f"/tasks/{task['id']}", json={"title": "Theirs"})
    assert terminal.refused(1, "edit", task["id"], "--title", "Mine", "--etag", etag) == "stale_match"
    assert "look at it" in terminal.run("edit", task["id"], "--title", "Mine", "--etag", etag).err
    assert terminal.done("show", task["id"])["title"] == "Theirs"


def test_many_are_done_trashed_restored_and_removed(terminal: Terminal) -> None:
    ids = [terminal.done("add", f"Task {number}")["id"] for number in range(3)]
    ends = [one[-8:] for one in ids]
    assert [one["status"] for one in terminal.done("done", *ends)["results"]] == [200] * 3
    assert {one["status"] for one in terminal.done("list")["items"]} == {"done"}
    assert terminal.run("rm", *ends[:2]).out == "Put into the trash: 2 of 2 task(s).\n"
    assert terminal.refused(1, "done", ends[0]) == "not_found"
    assert len(terminal.done("list", "--trashed")["items"]) == 2
    assert terminal.run("restore", ends[0]).out == "Restored 1 of 1 task(s).\n"
    assert terminal.run("rm", "--permanent", ends[0], typed="n\n").code == 1
    assert terminal.done("rm", "--permanent", "--yes", ends[0], ends[1]) == {"removed": ids[:2]}
    assert [one["id"] for one in terminal.done("list")["items"]] == ids[2:]
    assert (
        terminal.done("bulk", "--status", "todo", "--priority", "high", ends[2])["results"][0]["status"]
        == 200
    )


def test_bulk_takes_lines_sends_them_by_the_hundred_and_ends_with_1_where_one_is_refused(
    terminal: Terminal,
) -> None:
    lines = [json.dumps({"op": "create", "data": {"title": f"Task {number}"}}) for number in range(150)]
    results = terminal.done("bulk", typed="\n".join(lines))["results"]
    assert [one["index"] for one in results] == list(range(150))
    assert {one["status"] for one in results} == {201}
    assert len(terminal.done("list", "--all")["items"]) == 150
    mixed = terminal.run("bulk", typed=f'{lines[0]}\n\n{{"op": "create", "data": {{}}}}\n')
    assert (mixed.code, mixed.out) == (1, "Done 1 of 2 task(s).\n")
    assert mixed.err == "  operation 1: /data/title is needed\n"
    whole = terminal.run(
        "bulk", "--atomic", "--json", typed=f'{lines[0]}\n{{"op": "create", "data": {{}}}}\n'
    )
    assert (whole.code, whole.problem["errors"][0]["pointer"]) == (1, "/operations/1")
    assert len(terminal.done("list", "--all")["items"]) == 151
    for typed, code in (("{", "bad_input"), ("", "bad_input"), ("\n".join(lines), "too_many")):
        ended = terminal.run("bulk", "--atomic", "--json", typed=typed)
        assert (ended.code, ended.problem["code"]) == (2, code)
    assert terminal.refused(2, "bulk", "--status", "done") == "bad_usage"


def test_wrong_usage_is_a_problem_too_where_json_is_asked_for(terminal: Terminal) -> None:
    for arguments in (
        ("add",),
        ("add", "x", "--due", "nonsense"),
        ("list", "--sort", "luck"),
        ("show", "a", "b"),
    ):
        assert terminal.refused(2, *arguments) == "bad_usage"


def test_a_server_that_is_away_is_said_to_be(terminal: Terminal) -> None:
    away = {"TASKAPI_URL": f"http://127.0.0.1:{free_port()}", "TASKAPI_TOKEN": "tk_x"}
    assert terminal.refused(3, "list", **away) == "unreachable"
    assert terminal.refused(2, "list", TASKAPI_URL="ftp://x", TASKAPI_TOKEN="tk_x") == "bad_url"


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that is not ours: its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the name it is called by
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [(200, b"<h1>Welcome", 2), (200, b"[]", 2), (301, b"", 2), (404, b"", 2), (503, b"<h1>Away", 3)],
)
def test_what_is_no_taskapi_is_said_to_be_none(
    terminal: Terminal, status: int, body: bytes, code: int
) -> None:
    with answering(status, body) as url:
        assert terminal.refused(code, "list", TASKAPI_URL=url, TASKAPI_TOKEN="tk_x") == "not_taskapi"


@contextmanager
def losing_the_first_answer(port: int) -> Iterator[str]:
    """A way to the server on which the first write is done and its answer lost; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    lost: list[bytes] = []

    def forward() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", port)) as server:
                while request := _received(client, 0.3):
                    server.sendall(request)
                    answer = _received(server, 5)
                    if not lost and not request.startswith(b"GET"):
                        lost.append(request)
                        break
                    client.sendall(answer)

    thread = threading.Thread(target=forward)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert lost
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def _received(connection: socket.socket, patience: float) -> bytes:
    """What comes until there is a pause, or nothing where none comes."""
    data = b""
    connection.settimeout(patience)
    try:
        while part := connection.recv(1 << 16):
            data += part
            connection.settimeout(0.05)
    except TimeoutError:
        pass
    return data


WRITES: dict[str, Callable[[str], tuple[str, ...]]] = {
    "add": lambda _one: ("add", "Twice?"),
    "edit": lambda one: ("edit", one, "--title", "Twice?"),
    "done": lambda one: ("done", one),
    "rm": lambda one: ("rm", one),
}


@pytest.mark.parametrize("word", WRITES)
def test_a_write_whose_answer_was_lost_is_tried_again_and_done_once(terminal: Terminal, word: str) -> None:
    task = terminal.done("add", "Once")
    with losing_the_first_answer(terminal.server.port) as url:
        ended = terminal.run(
            *WRITES[word](task["id"]), "--json", TASKAPI_URL=url, TASKAPI_TOKEN=terminal.token
        )
    assert ended.code == 0, ended.err
    tasks = terminal.done("list")["items"] + terminal.done("list", "--trashed")["items"]
    assert len(tasks) == (2 if word == "add" else 1)
    history = terminal.call("GET", f"/tasks/{task['id']}/history")["items"]
    assert len(history) == (1 if word == "add" else 2)


def test_control_characters_in_what_people_wrote_never_reach_the_terminal(terminal: Terminal) -> None:
    evil = "\x1b[31m\x07\x9b2J\x7f\u202e"
    project = terminal.call("POST", "/projects", json={"name": f"P{evil}"})["id"]
    task = {"title": f"T{evil}", "description": f"D\n{evil}", "labels": [f"L{evil}"], "project_id": project}
    made = terminal.call("POST", "/tasks", json=task)["id"]
    for arguments in (
        ("list",),
        ("list", "--json"),
        ("show", made, "--history"),
        ("show", made, "--history", "--json"),
        ("edit", made, "--title", f"U{evil}"),
        ("edit", made, "--title", f"V{evil}", "--json"),
        ("list", "--project", f"no{evil}"),
        ("list", "--project", f"no{evil}", "--json"),
        ("show", made[:3], "--json"),
    ):
        ended = terminal.run(*arguments)
        assert not set("\x1b\x07\x9b\x7f\u202e") & set(ended.out + ended.err), arguments
