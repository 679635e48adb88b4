"""`taskapi users`, `jobs` and `audit`: what the API does, for whoever runs the service."""

from collections.abc import Callable
from pathlib import Path

import orjson
import psycopg
import pytest

from taskapi.backups.safety import PARKED_BY_RESTORE
from taskapi.clock import now
from taskapi.db import Database
from taskapi.ids import new_id
from taskapi.settings import load_settings
from tests import test_command_line
from tests.audit.rows import tamper
from tests.chaos.writers import prepared
from tests.people import Person
from tests.planted import plant_job
from tests.test_command_line import Ended, Taskapi

taskapi = test_command_line.taskapi


@pytest.fixture
def people(home: Path) -> list[Person]:
    """Three accounts in a home."""
    return prepared(home, 3)


def remembered(taskapi: Taskapi, *options: str) -> list[tuple[str, str | None, str, str | None]]:
    """The audit as `audit list --json` tells it: action, actor, via and target, the oldest first."""
    shown = orjson.loads(taskapi("audit", "list", "--json", *options).output)
    return [(one["action"], one["actor_id"], one["via"], one["target_id"]) for one in reversed(shown)]


def test_every_change_is_made_said_and_remembered(taskapi: Taskapi, people: list[Person]) -> None:
    ann, _, bob = people
    before = len(remembered(taskapi))
    said = {
        ("promote", ann.email): f"{ann.email} is an admin now.\n",
        ("promote", bob.email): f"{bob.email} is an admin now.\n",
        ("demote", bob.email.upper()): f"{bob.email.upper()} is no admin now.\n",
        ("disable", bob.email): f"{bob.email} is disabled now.\n",
        ("enable", bob.email): f"{bob.email} is enabled now.\n",
        ("logout", bob.email): f"{bob.email} is logged out everywhere.\n",
        ("reset-password", bob.email): f"{bob.email} gets a mail, as soon as the service runs.\n",
    }
    for words, output in said.items():
        assert taskapi("users", *words) == Ended(0, output, "")
    assert remembered(taskapi)[before:] == [
        ("user.promoted", None, "cli", ann.id),
        ("user.promoted", None, "cli", bob.id),
        ("user.demoted", None, "cli", bob.id),
        ("user.disabled", None, "cli", bob.id),
        ("user.enabled", None, "cli", bob.id),
        ("user.sessions_ended", None, "cli", bob.id),
        ("user.password_reset_asked", None, "cli", bob.id),
    ]
    (job,) = orjson.loads(taskapi("jobs", "list", "--state", "waiting", "--json").output)
    assert (job["kind"], job["user_id"]) == ("mail.reset_password", bob.id)


def test_the_last_admin_stays_one(taskapi: Taskapi, people: list[Person]) -> None:
    taskapi("users", "promote", people[0].email)
    for verb in ("demote", "disable"):
        refused = taskapi("users", verb, people[0].email)
        assert refused.code == 1
        assert refused.error.startswith("taskapi: This is the last admin who can act")
    assert orjson.loads(taskapi("users", "show", people[0].email, "--json").output)["role"] == "admin"


def test_users_are_listed_for_people_and_for_scripts(taskapi: Taskapi, people: list[Person]) -> None:
    listed = orjson.loads(taskapi("users", "list", "--json").output)
    assert [user["id"] for user in listed] == [person.id for person in people]
    (found,) = orjson.loads(taskapi("users", "list", people[1].email, "--role", "user", "--json").output)
    assert found == listed[1]
    assert orjson.loads(taskapi("users", "list", "--disabled", "--json").output) == []
    assert taskapi("users", "list", "--sort", "-created_at").output.splitlines() == [
        f"{person.id}  user   active    {person.email}" for person in reversed(people)
    ]
    shown = taskapi("users", "show", people[0].email).output
    assert f"email            {people[0].email}\n" in shown
    assert taskapi("users", "show", "nobody@example.test").code == 1


def test_old_mails_of_a_restore_are_only_sent_by_id(taskapi: Taskapi, people: list[Person]) -> None:
    old = plant_job(people[0].parts, parked_at=now(), last_error=PARKED_BY_RESTORE)
    told = taskapi("jobs", "retry", "--parked").output
    assert told == "0 job(s) will be done as soon as the service runs.\n"
    assert taskapi("jobs", "list", "--state", "parked").output.startswith(old)
    assert taskapi("jobs", "retry", old).code == 0
    assert taskapi("jobs", "list", "--state", "parked").output == ""


def test_jobs_are_listed_shown_and_done_again(taskapi: Taskapi, people: list[Person]) -> None:
    parked = [plant_job(people[0].parts, parked_at=now(), last_error="550\x1b[31m no") for _ in range(2)]
    done = plant_job(people[0].parts, done_at=now())
    lines = taskapi("jobs", "list", "--state", "parked").output.splitlines()
    assert [line.split()[0] for line in lines] == parked[::-1]
    assert all("550\ufffd[31m no" in line for line in lines)
    assert orjson.loads(taskapi("jobs", "show", done, "--json").output)["state"] == "done"
    assert (
        taskapi("jobs", "retry", parked[0]).output == "1 job(s) will be done as soon as the service runs.\n"
    )
    assert (
        taskapi("jobs", "retry", "--parked").output == "1 job(s) will be done as soon as the service runs.\n"
    )
    assert "sesame" not in taskapi("jobs", "show", parked[0]).output
    assert taskapi("jobs", "list", "--state", "parked").output == ""
    for job_id, said in ((done, "The job is done"), (new_id(), "There is nothing here")):
        refused = taskapi("jobs", "retry", job_id)
        assert refused.code == 1
        assert refused.error.startswith(f"taskapi: {said}")
    assert taskapi("jobs", "retry").code == 2


def test_verifying_names_what_was_changed_and_ends_with_1(
    taskapi: Taskapi, people: list[Person], home: Path
) -> None:
    for verb in ("disable", "enable", "promote"):
        taskapi("users", verb, people[0].email)
    whole = taskapi("audit", "verify")
    assert whole.code == 0
    head = whole.output.splitlines()[1]
    sequence = int(head.split(":")[0])
    assert whole.output.startswith(f"All {sequence} entries are as they were written.")
    told = taskapi("audit", "verify", "--head", head, "--json")
    assert (told.code, orjson.loads(told.output)) == (0, {"ok": True, "head": head, "faults": []})
    assert taskapi("audit", "verify", "--head", "7").code == 2

    entry = orjson.loads(taskapi("audit", "list", "--action", "user.disabled", "--json").output)[0]["id"]
    database = Database(load_settings(TASKAPI_HOME=home))
    tamper(database, "UPDATE audit SET action = 'user.enabled' WHERE id = :entry", entry=entry)
    named = taskapi("audit", "verify")
    assert named.code == 1
    assert named.output.startswith(f"FAIL entry {entry}, linked as {sequence - 2}, was changed\n")
    told = taskapi("audit", "verify", "--json")
    (fault,) = orjson.loads(told.output)["faults"]
    assert (told.code, fault["kind"], fault["entry_id"]) == (1, "entry_changed", entry)
    tamper(database, "DELETE FROM audit", "DELETE FROM audit_chain")
    database.close()
    assert taskapi("audit", "verify").code == 0
    cut = taskapi("audit", "verify", "--head", head)
    assert (cut.code, "it was cut off" in cut.output) == (1, True)
    assert taskapi("audit", "link").output == "0 entries were linked.\n"


def test_least_rights_are_given_by_migrating(
    taskapi: Taskapi, new_database: Callable[[], str], people: list[Person]
) -> None:
    refused = taskapi("migrate", "--grant", "somebody")
    assert (refused.code, refused.error) == (
        2,
        "taskapi: --grant: SQLite knows no roles; whoever can write the file can write all of it\n",
    )
    url, role = new_database(), f"app_{new_id()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "{role}"'.encode())
    given = taskapi("migrate", "--grant", role, DATABASE_URL=url)
    assert given.output.endswith(f"\n{role} may serve, and only read and add to the audit.\n")


def test_the_audit_is_listed_by_time_and_number(taskapi: Taskapi, people: list[Person]) -> None:
    taskapi("users", "disable", people[0].email)
    assert len(remembered(taskapi, "--limit", "1")) == 1
    assert remembered(taskapi, "--since", "2100-01-01") == []
    assert remembered(taskapi, "--until", "2020-01-01T00:00:00") == []
    assert remembered(taskapi, "--actor", new_id()) == []
    line = taskapi("audit", "list", "--action", "user.disabled").output
    assert line.split()[1:5] == ["user.disabled", "-", "user", people[0].id]
