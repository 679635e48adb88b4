"""Lines reach Elasticsearch by rsyslog, whoever is away for a while, and have no field it was not told of."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.servers import free_port, running
from tools import kibana

HERE = Path(__file__).parents[2] / "deploy" / "observability"
# Of what our lines have, what the Elastic Common Schema has (its dictionary is @elastic/ecs 9.4.0).
ECS = {
    *("@timestamp", "message", "ecs.version", "log.level", "log.logger"),
    *(
        "service.name",
        "service.version",
        "service.node.name",
        "event.dataset",
        "event.duration",
        "event.action",
    ),
    *("http.request.id", "http.request.method", "http.request.bytes", "http.response.status_code"),
    *("http.response.bytes", "http.response.body.bytes", "http.version", "trace.id", "span.id", "url.path"),
    *(
        "client.address",
        "user_agent.original",
        "user.id",
        "user.target.id",
        "error.type",
        "error.stack_trace",
    ),
    *("container.name", "container.id", "host.name"),
}
OURS = ("taskapi.", "nginx.")


def known() -> dict[str, str]:
    """The fields that Elasticsearch is told of before the first line, and their types."""
    template = json.loads((HERE / "elasticsearch" / "index-template.json").read_text())
    return dict(_leaves(template["template"]["mappings"]["properties"]))


def _leaves(properties: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, what in properties.items():
        if "properties" in what:
            yield from _leaves(what["properties"], f"{before}{name}.")
        else:
            yield before + name, what["type"]


def test_every_field_is_of_the_schema_or_says_whose_it_is() -> None:
    assert {name for name in known() if not name.startswith(OURS)} == ECS


def test_no_field_is_both_a_value_and_a_folder() -> None:
    names = set(known())
    assert not [name for name in names if any(other.startswith(f"{name}.") for other in names)]


def test_kibana_shows_what_its_code_says_and_asks_for_what_there_is() -> None:
    assert kibana.FILE.read_text() == kibana.text(), "run `python tools/kibana.py`"
    for search in kibana.SEARCHES:
        assert set(search.columns) <= set(known()), search.name
        assert search.sort[0] in known(), search.name


def test_what_the_elk_file_mounts_is_there() -> None:
    root = HERE.parents[1]
    composed = yaml.safe_load((HERE / "compose.elk.yaml").read_text())
    made = yaml.safe_load((root / "compose.yaml").read_text())
    wanted = (root / "deploy" / "compose" / "secrets").read_text()
    for name, service in composed["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./secrets"):
                assert source in {"./secrets", "./secrets/elastic_password"}, name
            elif source.startswith("./"):
                assert (root / source).exists(), (name, source)
            elif not source.startswith("/"):
                assert source in composed["volumes"], (name, source)
        assert set(service["networks"]) <= set(made["networks"]), name
        assert all(published.startswith("127.0.0.1:") for published in service.get("ports", [])), name
    for secret in composed["secrets"].values():
        assert Path(secret["file"]).name in wanted


class Bulk:
    """Takes what Elasticsearch's `_bulk` takes; can be away."""

    def __init__(self) -> None:
        self.port = free_port()
        self.documents: list[dict[str, Any]] = []
        self._ids: set[str] = set()
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        bulk = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                lines = self.rfile.read(int(self.headers["Content-Length"])).split(b"\n")
                assert lines.pop() == b""
                items = [bulk.take(*pair) for pair in zip(lines[::2], lines[1::2], strict=True)]
                self._answer({"errors": False, "items": items})

            def do_GET(self) -> None:
                self._answer({"version": {"number": "8.19.7"}})

            do_HEAD = do_GET  # noqa: N815 - as above

            def _answer(self, what: object) -> None:
                body = json.dumps(what).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: it would be the test's output."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def take(self, action: bytes, document: bytes) -> dict[str, Any]:
        assert list(json.loads(action)) == ["create"]
        said = json.loads(action)["create"]
        assert said.keys() == {"_index", "_id"}
        assert said["_index"] == "logs-taskapi-default"
        if said["_id"] in self._ids:
            return {"create": {"_id": said["_id"], "status": 409}}
        self._ids.add(said["_id"])
        self.documents.append(json.loads(document))
        return {"create": {"_id": said["_id"], "status": 201}}


@contextmanager
def shipped(folder: Path, log: Path, bulk: Bulk) -> Iterator[Callable[[], None]]:
    """rsyslog with our configuration, but for its places; what is given restarts it."""
    program = shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin")
    if program is None or not any(Path("/usr/lib").glob("*/rsyslog/omelasticsearch.so")):
        pytest.skip("shipping is NOT TESTED here: apt-get install rsyslog rsyslog-elasticsearch")
    spool = folder / "spool"
    spool.mkdir()
    configuration = (HERE / "rsyslog" / "taskapi.conf").read_text()
    for ours, here in (
        ("/var/lib/taskapi/logs/app.log", str(log)),
        ("/var/spool/rsyslog/", f"{spool}/"),
        ('serverport="9200"', f'serverport="{bulk.port}"'),
        ('action.resumeInterval="5"', 'action.resumeInterval="1"'),
    ):
        assert ours in configuration
        configuration = configuration.replace(ours, here)
    file = folder / "rsyslog.conf"
    units = (HERE / "rsyslog" / "taskapi_units.conf").read_text()
    # In the place of journald, which writes to such a socket.
    journal = f"""module(load="imuxsock" SysSock.Use="off")
        input(type="imuxsock" Socket="{folder}/journal")"""
    file.write_text(f'global(workDirectory="{spool}")\n{configuration}\n{journal}\n{units}')
    checked = subprocess.run([program, "-N1", "-f", str(file)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    started: list[subprocess.Popen[bytes]] = []

    def stop() -> None:
        process = started.pop()
        process.terminate()
        process.wait(timeout=60)

    def start() -> None:
        if started:
            stop()
        command = [program, "-n", "-f", str(file), "-i", str(folder / "pid")]
        with (folder / "rsyslog.log").open("ab") as said:
            started.append(subprocess.Popen(command, stderr=said))

    start()
    try:
        yield start
    finally:
        stop()


def test_what_units_write_is_shipped_from_the_journal_and_long_lines_are_whole(tmp_path: Path) -> None:
    bulk = Bulk()
    bulk.start()
    with (
        shipped(tmp_path, tmp_path / "none.log", bulk),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log,
    ):
        for _ in range(100):
            if (tmp_path / "journal").exists():
                break
            time.sleep(0.1)
        log.connect(str(tmp_path / "journal"))
        for name, length in (("short", 10), ("long", 40_000)):
            line = json.dumps({"http.request.id": name, "message": "x" * length})
            # As journald passes it on.
            log.send(f"<30>Nov 30 04:00:00 taskapi[7]: {line}".encode())
        log.send(b"<30>Nov 30 04:00:00 sshd[8]: somebody else")
        _wait_for(bulk, {"short", "long"})
    bulk.stop()
    assert sorted(len(one["message"]) for one in bulk.documents) == [10, 40_000]


def _wait_for(bulk: Bulk, requests: set[str], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while missing := requests - {one.get("http.request.id", "") for one in bulk.documents}:
        assert time.monotonic() < end, f"{len(missing)} of {len(requests)} lines did not come"
        time.sleep(0.2)


def _ship(folder: Path, home: Path, away_seconds: float, each: int) -> str:
    """Requests are made while all is well, while Elasticsearch is away, and while rsyslog starts anew."""
    bulk = Bulk()
    bulk.start()
    requests: set[str] = set()

    def ask(url: str, part: str) -> None:
        for number in range(each):
            requests.add(name := f"{part}-{number}")
            assert httpx.get(f"{url}/livez", headers={"X-Request-ID": name}).status_code == 200

    with running(home) as server, shipped(folder, home / "logs" / "app.log", bulk) as restart:
        ask(server.url, "well")
        _wait_for(bulk, requests)
        bulk.stop()
        ask(server.url, "away")
        time.sleep(away_seconds / 2)
        restart()
        ask(server.url, "restarted")
        time.sleep(away_seconds / 2)
        bulk.start()
        ask(server.url, "back")
        began = time.monotonic()
        _wait_for(bulk, requests)
        took = time.monotonic() - began
    bulk.stop()
    fields = set().union(*bulk.documents)
    assert fields <= set(known()), "Elasticsearch is told of every field before"
    assert len([one for one in bulk.documents if one.get("http.request.id") in requests]) == len(requests)
    return f"{len(requests)} lines, each once, the last {took:.1f} s after it was back"


def test_no_line_is_lost_while_elasticsearch_is_away_and_rsyslog_starts_anew(
    tmp_path: Path, home: Path
) -> None:
    print(f"\n{_ship(tmp_path, home, 4, 60)}")  # noqa: T201 - shown by -s


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_no_line_is_lost_while_elasticsearch_is_away_for_minutes(tmp_path: Path, home: Path) -> None:
    print(f"\n{_ship(tmp_path, home, 240, 2000)}")  # noqa: T201 - a proof prints its figures
