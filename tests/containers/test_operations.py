"""What docs/operations.md has operators do with the box, done."""

import textwrap
import time
from collections import Counter

import orjson
import pytest

from tests.containers.box import Box, copied, docker, until
from tests.containers.load import Load, Person
from tests.people import PASSWORD

pytestmark = [pytest.mark.containers, pytest.mark.prove, pytest.mark.timeout(1800)]

_MAILS = "SELECT count(*) FROM outbox WHERE kind LIKE 'mail.%' AND"
_MAIL_KINDS = "SELECT kind FROM outbox WHERE kind LIKE 'mail.%' AND done_at >"
_NEXT = '''
    """A release later: a column more"""

    import sqlalchemy as sa
    from alembic import op

    revision = "9999"
    down_revision = "{head}"
    branch_labels = None
    depends_on = None
    serves_code_from = "{head}"


    def upgrade() -> None:
        op.add_column("tasks", sa.Column("next", sa.Text()))


    def downgrade() -> None:
        op.drop_column("tasks", "next")
'''


def _tables(box: Box, backup: str) -> dict[str, object]:
    """The rows and checksums of a backup that lies in the box's volume."""
    manifest = box.box("tools", "cat", f"/backups/{backup}/manifest.json")
    found: dict[str, object] = orjson.loads(manifest[manifest.index("{") :])["tables"]
    return found


def _mails(box: Box) -> int:
    (worker,) = box.containers("worker")
    return int(docker("exec", worker, "sh", "-c", "ls /var/lib/taskapi/mail | wc -l"))


def test_a_backup_of_the_running_box_is_brought_into_an_empty_one(box: Box) -> None:
    with Load(box) as load:
        time.sleep(5)
        box.box("tools", "taskapi", "backup", "/backups/running", "--json")
        time.sleep(1)
    assert not load.failed, load.failed[:5]
    person, waiting = load.people[0], _with_mails_that_wait(box, load.people[0])
    box.box("tools", "taskapi", "backup", "/backups/waiting", "--json")
    kept, titles = _tables(box, "waiting"), Counter(person.found())
    with copied("taskapi-restored") as empty:
        since = _restored(empty, box, "waiting")
        with empty.client() as client:
            token = person.client.headers["Authorization"]
            assert client.get("/api/v1/tasks", headers={"Authorization": token}).status_code == 401
            person.moves_to(client)
            assert Counter(person.found()) == titles
        # Long enough for a worker and a scheduler to look for what is due.
        time.sleep(15)
        # The one that was sent tells of the log-in just now, from a device that is new to the restored box.
        sent = empty.sql(f"{_MAIL_KINDS} {since}").split()
        assert set(sent) <= {"mail.new_device"}
        assert _mails(empty) == len(sent)
        assert int(empty.sql(f"{_MAILS} parked_at IS NOT NULL")) == waiting
        # And back again: what people have is the same to the last row.
        empty.box("tools", "taskapi", "backup", "/backups/again", "--json")
        again = _tables(empty, "again")
        same = {name for name in kept if kept[name] == again[name]}
        print(f"equal: {', '.join(sorted(same))}")  # noqa: T201 - a proof prints its figures
        assert {"tasks", "task_history", "projects", "idempotency", "personal_tokens"} <= same
    box.compose("start", "worker", "scheduler")
    until(lambda: box.sql(f"{_MAILS} done_at IS NULL") == "0")


def _with_mails_that_wait(box: Box, person: Person) -> int:
    """How many wait in a box that is at rest but for them."""
    box.compose("stop", "worker", "scheduler")
    for _ in range(5):
        person.client.post("/api/v1/auth/password/forgot", json={"email": person.email})
    waiting = int(box.sql(f"{_MAILS} done_at IS NULL"))
    assert waiting >= 5
    return waiting


def _restored(empty: Box, box: Box, backup: str) -> int:
    """Bring a backup into a box that was never started; when it was (milliseconds since 1970)."""
    empty.box("build")
    empty.run(["deploy/compose/secrets"])
    empty.compose("up", "-d", "--no-build", "db")
    empty.box("wait_healthy", "db")
    image, packed = f"{box.project}:test", empty.folder / "backups.tar"
    for project, command in (
        (box.project, "tar -C /backups -cf /here/backups.tar ."),
        (empty.project, "tar -C /backups -xf /here/backups.tar && chown -R 65532:65532 /backups"),
    ):
        volumes = ("-v", f"{project}_backups:/backups", "-v", f"{packed.parent}:/here")
        docker("run", "--rm", "-u", "0", *volumes, image, "sh", "-c", command)
    since = int(time.time() * 1000)
    said = empty.box("tools", "taskapi", "restore", f"/backups/{backup}", "--json")
    print(f"\nrestored: {said[said.index('{') :]}")  # noqa: T201 - a proof prints its figures
    empty.box("up")
    return since


@pytest.mark.parametrize("what", ["database", "redis", "redis-jobs", "signing"])
def test_secrets_are_renewed_and_nobody_notices(box: Box, what: str) -> None:
    names = {"database": "database_password", "signing": "taskapi_signing_key"}
    secret = box.folder / "secrets" / names.get(what, f"{what.replace('-', '_')}_password")
    before = secret.read_text()
    with Load(box) as load:
        box.box("renew", what)
        time.sleep(2)
    print(f"\nrenewed {what}: {load}")  # noqa: T201 - a proof prints its figures
    assert secret.read_text() != before
    assert not load.failed, load.failed[:5]
    assert not load.lost()
    assert Person(box, 5).client.get("/api/v1/tasks").status_code == 200


def test_with_a_new_sealing_key_everybody_logs_in_again(box: Box) -> None:
    with box.client() as client:
        person = Person(box, 6)
        me = {"email": person.email, "password": PASSWORD}
        granted = client.post("/api/v1/auth/login", json=me).json()
        box.box("renew", "sealing")
        token = {"refresh_token": granted["refresh_token"]}
        assert client.post("/api/v1/auth/refresh", json=token).status_code == 401
        assert client.post("/api/v1/auth/login", json=me).status_code == 200


def test_a_new_schema_is_rolled_out_under_load_and_back(box: Box) -> None:
    head = box.sql("SELECT version_num FROM alembic_version")
    versions = box.folder / "src" / "taskapi" / "migrations" / "versions"
    with Load(box) as load:
        (versions / "9999_next.py").write_text(textwrap.dedent(_NEXT.format(head=head)).lstrip())
        box.box("roll")
        assert box.sql("SELECT version_num FROM alembic_version") == "9999"
        # The release before it is rolled out again: its code serves the newer schema.
        (versions / "9999_next.py").unlink()
        box.box("roll")
        time.sleep(2)
    print(f"\nupgraded and rolled back: {load}")  # noqa: T201 - a proof prints its figures
    assert box.sql("SELECT version_num FROM alembic_version") == "9999"
    assert not load.failed, load.failed[:5]
    assert not load.lost()


def test_replicas_answer_reads_and_none_is_too_old(engine: None) -> None:
    with copied("taskapi-replicas", ("compose.yaml", "compose.replicas.yaml"), TASKAPI_CACHE_MB="0") as box:
        box.box("up")
        for service in ("replica1", "replica2"):
            box.box("wait_healthy", service)
        with box.client() as client:
            until(lambda: client.get("/health").json()["replicas"] == "connected")
        with Load(box, mails=False) as load:
            time.sleep(10)
        assert not load.failed, load.failed[:5]
        assert not load.lost()
        lines = [
            line for line in box.compose("logs", "--no-color", "api").splitlines() if "read_from" in line
        ]
        sources = Counter(orjson.loads(line[line.index("{") :])["taskapi.read_from"] for line in lines)
        print(f"\nwith replicas: {load}; read from {dict(sources)}")  # noqa: T201 - a proof prints its figures
        assert sum(many for name, many in sources.items() if name != "primary") > 100, sources
