"""The box as it is started: three instances behind TLS, and nobody may do more than they have to."""

import re
import subprocess
import time
from collections import Counter

import httpx
import orjson
import pytest

from tests.containers.box import ROOT, Box, docker, inspected, until
from tests.containers.load import Load, Person
from tests.people import PASSWORD

pytestmark = pytest.mark.containers

# What compose.yaml and the wheels are allowed to add to the image they start from, in bytes.
MOST_ADDED = 120_000_000
OURS = ("api", "worker", "scheduler", "nginx", "redis", "redis-jobs")
CONFINED = (
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "65532"),
    *("--tmpfs", "/tmp"),  # noqa: S108 - inside the container
)


def _upstreams(box: Box) -> Counter[str]:
    (nginx,) = box.containers("nginx")
    lines = docker("logs", "--since", "20s", nginx).splitlines()
    seen = (orjson.loads(line)["nginx.upstream.address"] for line in lines if line.startswith('{"@time'))
    return Counter(address for address in seen if re.fullmatch(r"[0-9.]+:5000", address))


def test_the_ui_and_the_api_are_there_over_tls_and_requests_spread_over_three(box: Box) -> None:
    with box.client() as client:
        page = client.get("/")
        assert page.status_code == 200
        (script,) = re.findall(r'src="(web/app\.[0-9a-f]{8}\.js)"', page.text)
        part = client.get(f"/{script}", headers={"Accept-Encoding": "gzip"})
        assert part.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert part.headers["Content-Encoding"] == "gzip"
        for _ in range(30):
            assert client.get("/api/v1/tasks").status_code == 401
        assert client.get("/health").json()["status"] == "healthy"
        assert client.get("/readyz").json()["code"] == "not_found"
    person = Person(box, 0)
    made = person.client.post("/api/v1/tasks", json={"title": "Seen at once"})
    assert made.status_code == 201
    for _ in range(9):  # By whichever instance.
        assert person.client.get("/api/v1/tasks").json()["items"][0]["title"] == "Seen at once"
    until(lambda: len(_upstreams(box)) == 3)
    time.sleep(1.5)  # nginx writes its lines at most a second late.
    spread = _upstreams(box)
    assert min(spread.values()) * 2 >= max(spread.values()) - 20, spread


def test_the_cookie_of_the_ui_works_from_our_own_pages_alone(box: Box) -> None:
    person = Person(box, 1)
    with box.client() as browser:
        me = {"email": person.email, "password": PASSWORD, "use_cookie": True}
        answer = browser.post("/api/v1/auth/login", json=me)
        assert answer.headers["Set-Cookie"].startswith("__Host-taskapi_refresh=")
        foreign = browser.post("/api/v1/auth/refresh", headers={"Origin": "https://evil.example"})
        assert foreign.json()["code"] == "cross_site_request"
        ours = browser.post("/api/v1/auth/refresh", headers={"Origin": box.url})
        assert ours.status_code == 200, ours.text


def test_more_and_fewer_instances_need_no_edit(box: Box) -> None:
    with Load(box, mails=False) as load:
        box.box("scale", "5")
        until(lambda: len(_upstreams(box)) == 5)
        box.box("scale", "3")
        time.sleep(2)
    print(f"\nscaled to 5 and back: {load}")  # noqa: T201 - shown by -s
    assert not load.failed, load.failed[:5]
    assert not load.lost()


def test_every_container_of_ours_can_write_nowhere_and_do_nothing_special(box: Box) -> None:
    for service in OURS:
        for container in box.containers(service):
            seen = inspected(container)
            host = seen["HostConfig"]
            assert seen["Config"]["User"] == "65532:65532", service
            assert host["ReadonlyRootfs"], service
            assert host["CapDrop"] == ["ALL"], service
            assert not host["CapAdd"], service
            assert "no-new-privileges:true" in host["SecurityOpt"], service
            assert host["Memory"], service
            assert host["PidsLimit"], service
            assert host["LogConfig"]["Config"]["max-size"] == "10m", service
            assert not host["Privileged"], service


def test_only_nginx_is_published_and_the_back_has_no_way_out(box: Box) -> None:
    for service in ("api", "worker", "scheduler", "db", "redis", "redis-jobs"):
        for container in box.containers(service):
            assert not inspected(container)["HostConfig"]["PortBindings"], service
    (network,) = orjson.loads(docker("network", "inspect", f"{box.project}_back"))
    assert network["Internal"]


def test_no_secret_is_in_inspect_in_a_layer_or_in_a_log(box: Box) -> None:
    secrets = {
        path.name: path.read_text().strip()
        for path in (box.folder / "secrets").iterdir()
        if path.name != "tls_certificate" and path.read_text().strip()
    }
    words = {
        word for text in secrets.values() for word in re.findall(r"[0-9a-f]{48}|[A-Za-z0-9+/]{60,}", text)
    }
    assert len(words) >= 7
    everything = "".join(
        docker("inspect", one) for service in (*OURS, "db") for one in box.containers(service)
    )
    everything += docker("history", "--no-trunc", f"{box.project}:test") + box.compose("logs", "--no-color")
    assert not [word for word in words if word in everything]
    saved = box.folder / "image.tar"
    docker("save", "-o", str(saved), f"{box.project}:test")
    found = subprocess.run(
        ["grep", "-acF", "-f", "-", str(saved)],
        input="\n".join(words),
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.strip() == "0", "a secret is in a layer"
    saved.unlink()


def _size(image: str) -> int:
    return int(docker("image", "inspect", "-f", "{{.Size}}", image))


def test_the_image_is_small_and_one_for_all(box: Box) -> None:
    base, ours = (
        int(docker("image", "inspect", "-f", "{{.Size}}", name))
        for name in ("python:3.11-slim", f"{box.project}:test")
    )
    print(f"\nthe image adds {(ours - base) / 1e6:.1f} MB")  # noqa: T201 - shown by -s
    assert ours - base <= MOST_ADDED
    images = {
        inspected(one)["Image"]
        for service in ("api", "worker", "scheduler")
        for one in box.containers(service)
    }
    assert len(images) == 1


def test_confined_as_far_as_can_be_it_serves_on_its_own(box: Box) -> None:
    name = f"{box.project}-alone"
    docker("run", "-d", "--name", name, *CONFINED, f"{box.project}:test")
    try:
        until(lambda: "well" in docker("exec", name, "sh", "-c", "taskapi probe || true"), seconds=30)
        docker("stop", "-t", "30", name)
        assert inspected(name)["State"]["ExitCode"] == 0
    finally:
        docker("rm", "-f", "-v", name)


def test_the_command_of_the_specification_works_in_it(box: Box) -> None:
    name = f"{box.project}-gunicorn"
    (api, *_) = box.containers("api")
    seen = inspected(api)
    mounts = [
        f"{one['Source']}:{one['Destination']}:ro"
        for one in seen["Mounts"]
        if one["Destination"].startswith("/run/")
    ]
    variables = [one for one in seen["Config"]["Env"] if one.startswith("TASKAPI_")]
    options = [part for mount in mounts for part in ("-v", mount)] + [
        part for one in variables for part in ("-e", one)
    ]
    command = ["gunicorn", "-w", "4", "-b", "0.0.0.0:5000", "app:app"]
    docker(
        "run",
        "-d",
        "--name",
        name,
        *CONFINED,
        "--network",
        f"{box.project}_back",
        *options,
        f"{box.project}:test",
        *command,
    )
    try:
        until(lambda: "well" in docker("exec", name, "sh", "-c", "taskapi probe || true"), seconds=60)
    finally:
        docker("rm", "-f", "-v", name)


def test_a_variable_that_has_to_be_given_is_asked_for_by_name(box: Box) -> None:
    lines = (box.folder / ".env").read_text().splitlines()
    (box.folder / "other.env").write_text("\n".join(line for line in lines if "PUBLIC_URL" not in line))
    done = subprocess.run(
        ["docker-compose", "--env-file", "other.env", "config"],
        cwd=box.folder,
        env=box.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "TASKAPI_PUBLIC_URL" in done.stderr
    assert "set it in .env" in done.stderr


@pytest.mark.parametrize(("name", "value"), [("TASKAPI_LIMITS", "nonsense"), ("RATE", "many")])
def test_a_setting_that_cannot_be_is_named_and_what_runs_is_left_alone(
    box: Box, name: str, value: str
) -> None:
    before = {service: box.containers(service) for service in ("nginx", "api")}
    done = subprocess.run(
        ["deploy/compose/box", "roll", "nginx", "api"],
        cwd=box.folder,
        env={**box.environment, name: value},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert f"{name}: " in done.stderr
    assert "nothing was changed" in done.stderr
    assert {service: box.containers(service) for service in before} == before
    assert box.client().get("/livez").status_code == 200


def test_every_variable_of_the_box_stands_in_its_example() -> None:
    files = ((ROOT / name).read_text() for name in ("compose.yaml", "compose.replicas.yaml"))
    used = {name for text in files for name in re.findall(r"\$\{([A-Z_]+)[:?-]", text)}
    explained = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    # Compose itself reads two.
    assert explained == used | {"COMPOSE_PROJECT_NAME", "COMPOSE_FILE"}


def test_in_the_clear_there_is_only_the_way_to_tls(box: Box) -> None:
    port = next(
        line for line in (box.folder / ".env").read_text().splitlines() if line.startswith("HTTP_PORT=")
    )
    answer = httpx.get(f"http://localhost:{port.partition('=')[2]}/x?y=z")
    assert (answer.status_code, answer.headers["Location"]) == (308, f"{box.url}/x?y=z")
