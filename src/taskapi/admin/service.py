"""What admins, and whoever runs the service, see and do: one path for both.

Whether a caller is an admin is read anew at each request (`require_admin`), and once more under a lock by
everything that writes. `by` is an Operator at the command line, whom nobody has to make an admin.
"""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import orjson

from taskapi import __version__, epochs
from taskapi.accounts import service as accounts
from taskapi.actors import Actor, Author
from taskapi.admin import queries
from taskapi.admin.schemas import AuditList, JobList, JobState, UserChange, UserList
from taskapi.audit.service import entries, remember_act
from taskapi.clock import SECOND, milliseconds_of_instant, now, rfc3339
from taskapi.cursors import Page, opened, page_of, page_of_no_epoch
from taskapi.db import Session
from taskapi.errors import Conflict, NotFound
from taskapi.etags import Match, etag_of
from taskapi.facts import Fact
from taskapi.jobs import enqueue
from taskapi.parts import Parts
from taskapi.sessions.service import end_all
from taskapi.tasks.service import Shown
from taskapi.text import word_pattern, words
from taskapi.tokens import Seal

# What a change is remembered as, by the field and its new value; a name's value is nobody's business.
_ACTS = {
    ("role", "admin"): "user.promoted",
    ("role", "user"): "user.demoted",
    ("disabled", True): "user.disabled",
    ("disabled", False): "user.enabled",
}


class JobIsDone(Conflict):
    def __init__(self) -> None:
        super().__init__("The job is done; what it did is not done twice.")


class JobIsRunning(Conflict):
    def __init__(self) -> None:
        super().__init__("The job is being done at this moment. Look again when it has ended.")


def require_admin(parts: Parts, actor: Actor) -> None:
    """Raises NotFound for all others: to them there is no admin area.

    The role is read after the caller's epoch was, which moves with it: so an answer from memory is as good.
    """
    with parts.database.reader() as session:
        _admitted(session.row(queries.STANDING, user_id=actor.user_id))


def admins(session: Session) -> frozenset[str]:
    return frozenset(row.id for row in session.rows(queries.ADMINS))


def list_users(session: Session, actor: Actor, cursors: Seal, wanted: UserList) -> tuple[dict[str, Any], int]:
    """A page of users, and the epoch of the collection. Raises BadRequest for a cursor of another list."""
    binding = _binding(actor, [wanted.sort, sorted(set(words(wanted.q))), wanted.role, wanted.disabled])
    after = opened(cursors, wanted.cursor, f"users:{binding}") if wanted.cursor is not None else None
    page, total = _users(session, wanted, after)
    last = [page.rows[-1].sort_key, page.rows[-1].id] if page.has_more else None
    next_cursor = cursors.close(last, f"users:{binding}") if last else None
    listed = {"items": [_user(row) for row in page.rows], "next_cursor": next_cursor}
    return listed | ({"total": total} if wanted.count else {}), page.under


def every_user(session: Session, wanted: UserList) -> Iterator[dict[str, Any]]:
    """All users of a list, read a page at a time."""
    after = None
    while True:
        page, _ = _users(session, wanted, after)
        yield from map(_user, page.rows)
        if not page.has_more:
            return
        after = [page.rows[-1].sort_key, page.rows[-1].id]


def get_user(session: Session, user_id: str) -> Shown:
    """A user as admins see them. Raises NotFound."""
    row = session.row(queries.USER, user_id=user_id, epoch_key=epochs.USERS)
    if row is None or row.id is None:
        raise NotFound
    return Shown(_user(row), _etag(row), {epochs.USERS: row.under})


def change_user(
    session: Session,
    by: Author,
    user_id: str,
    wanted: UserChange,
    if_match: Match | None,
    *,
    only_proved: bool = False,
) -> Shown:
    """A user with the sent fields changed; disabling ends all their sessions.

    With `only_proved` an admin who has not verified their address is none who can act.

    Raises NotFound, StaleMatch, and LastAdmin where nobody would be left who can act as one.
    """
    rows = _locked(session, by, user_id)
    user = rows[user_id]
    if if_match is not None:
        if_match.admit(_etag(user))
    before = {"role": user.role, "disabled": user.disabled_at is not None, "name": user.name}
    after = before | wanted.model_dump(include=wanted.model_fields_set)
    changed = {name: value for name, value in after.items() if value != before[name]}
    if not changed:
        return get_user(session, user_id)
    if after["role"] != "admin" or after["disabled"]:
        accounts.require_another_admin(rows.values(), user_id, only_proved=only_proved)
    columns = {name: value for name, value in changed.items() if name != "disabled"}
    if "disabled" in changed:
        columns["disabled_at"] = now() if after["disabled"] else None
    if changed.get("disabled"):
        end_all(session, user_id)
    # A role is in no token: who loses it keeps their session and their tasks.
    accounts.apply(session, user_id, columns, revoke_tokens="disabled" in changed)
    for name, value in changed.items():
        remember_act(session, by, _ACTS.get((name, value), "user.renamed"), ("user", user_id))
    return get_user(session, user_id)


def log_out(session: Session, by: Author, user_id: str) -> None:
    """End all sessions of a user, and with them their tokens. Raises NotFound."""
    _locked(session, by, user_id)
    end_all(session, user_id)
    remember_act(session, by, "user.sessions_ended", ("user", user_id), {"kept": False})


def send_reset(session: Session, by: Author, user_id: str) -> None:
    """Have a mail sent by which a user can set a password. Raises NotFound."""
    user = _locked(session, by, user_id)[user_id]
    enqueue(session, "mail.reset_password", {"email_key": user.email_key}, by.request_id, user_id)
    remember_act(session, by, "user.password_reset_asked", ("user", user_id))


def list_audit(session: Session, actor: Actor, cursors: Seal, wanted: AuditList) -> dict[str, Any]:
    """A page of what was remembered, the newest first. Raises BadRequest."""
    filters = wanted.model_dump(include={"actor", "action", "since", "until"})
    binding = f"audit:{_binding(actor, filters)}"
    after_id = opened(cursors, wanted.cursor, binding)[0] if wanted.cursor is not None else None
    found = remembered(session, wanted, after_id, wanted.limit + 1)
    page = page_of_no_epoch(found, wanted.limit)
    last = cursors.close([page.rows[-1]["id"]], binding) if page.has_more else None
    return {"items": page.rows, "next_cursor": last}


def remembered(session: Session, wanted: AuditList, after_id: str | None, most: int) -> list[dict[str, Any]]:
    """The newest entries of the audit that are asked for, or those after one."""
    rows = entries(
        session,
        most,
        actor=wanted.actor,
        action=wanted.action,
        since=milliseconds_of_instant(wanted.since),
        until=milliseconds_of_instant(wanted.until),
        after_id=after_id,
    )
    return [row._asdict() | {"at": rfc3339(row.at), "details": orjson.Fragment(row.details)} for row in rows]


def count(session: Session) -> dict[str, Any]:
    """The whole instance in numbers."""
    moment = now()
    (users,) = session.rows(queries.USER_COUNTS)
    (jobs,) = session.rows(queries.JOB_COUNTS, moment=moment)
    tasks = {row.state: row.number for row in session.rows(queries.TASK_COUNTS)}
    by_state = {state: tasks.get(state, 0) for state in ("todo", "in_progress", "done", "trashed")}
    age = None if jobs.due_since is None else (moment - jobs.due_since) // SECOND
    return {
        "users": users._asdict(),
        "tasks": {"total": sum(by_state.values())} | by_state,
        "jobs": {state: getattr(jobs, state) for state in get_args(JobState)}
        | {"oldest_waiting_seconds": age},
    }


def look_at_last_hour(parts: Parts) -> dict[str, Any]:
    """The golden signals by steps of some seconds."""
    database = "sqlite" if parts.settings.is_sqlite else "postgresql"
    return {"version": __version__, "database": database} | parts.signals.last_hour().picture()


def list_jobs(session: Session, actor: Actor, cursors: Seal, wanted: JobList) -> dict[str, Any]:
    """A page of jobs, the newest first. Raises BadRequest."""
    binding = f"jobs:{_binding(actor, [wanted.state])}"
    after_id = opened(cursors, wanted.cursor, binding)[0] if wanted.cursor is not None else None
    page = page_of_no_epoch(jobs(session, wanted.state, after_id, wanted.limit + 1), wanted.limit)
    last = cursors.close([page.rows[-1]["id"]], binding) if page.has_more else None
    return {"items": page.rows, "next_cursor": last}


def jobs(session: Session, state: str | None, after_id: str | None, most: int) -> list[dict[str, Any]]:
    """The newest jobs, all or those in a state, or those after one."""
    parameters = {"moment": now(), "most": most} | ({} if after_id is None else {"after_id": after_id})
    return [_job(row) for row in session.rows(queries.jobs(state, after_id is not None), **parameters)]


def get_job(session: Session, job_id: str) -> dict[str, Any]:
    """A job. Raises NotFound."""
    row = session.row(queries.JOB, job_id=job_id, moment=now())
    if row is None:
        raise NotFound
    return _job(row)


def retry_job(session: Session, by: Author, job_id: str) -> dict[str, Any]:
    """Have a job done now that was given up or waits, with all its attempts. Raises NotFound, Conflict."""
    _locked(session, by)
    moment = now()
    job = session.row(queries.JOB_LOCKED, job_id=job_id, moment=moment)
    if job is None:
        raise NotFound
    if job.state in {"done", "running"}:
        raise JobIsDone if job.state == "done" else JobIsRunning
    session.run(queries.RETRY, {"job_id": job_id, "moment": moment})
    remember_act(session, by, "job.retried", ("job", job_id))
    return get_job(session, job_id)


def _users(session: Session, wanted: UserList, after: Sequence[Any] | None) -> tuple[Page, int | None]:
    """A page of users from after a sort key and id on; how many there are in all, if that is asked for."""
    patterns = sorted({word_pattern(word) for word in words(wanted.q)})
    parameters: dict[str, Any] = {"epoch_key": epochs.USERS, "most": wanted.limit + 1, "role": wanted.role}
    parameters |= {f"word_{number}": pattern for number, pattern in enumerate(patterns)}
    if after is not None:
        parameters["after_key"], parameters["after_id"] = after
    shape = queries.Shape(
        sort=wanted.sort,
        role=wanted.role is not None,
        disabled=wanted.disabled,
        words=len(patterns),
        counted=wanted.count,
        continued=after is not None,
    )
    found = session.rows(queries.users(shape), **parameters)
    return page_of(found, wanted.limit), found[0].total if wanted.count else None


def _locked(session: Session, by: Author, user_id: str | None = None) -> dict[str, Any]:
    """Whoever acts, whom it is about and all admins, locked. Raises NotFound."""
    rows = accounts.locked_with_admins(session, user_id, by.user_id)
    if by.user_id is not None:
        _admitted(rows.get(by.user_id))
    if user_id is not None and user_id not in rows:
        raise NotFound
    return rows


def _admitted(standing: Any) -> None:
    if standing is None or standing.role != "admin" or standing.disabled_at is not None:
        raise NotFound


def _binding(actor: Actor, filters: object) -> str:
    """What a cursor is for."""
    return orjson.dumps([actor.user_id, filters]).decode()


def _user(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "email": row.email,
        "name": row.name,
        "role": row.role,
        "disabled": row.disabled_at is not None,
        "email_verified": row.email_verified_at is not None,
        "language": row.language,
        "timezone": row.timezone,
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
        "delete_after": rfc3339(row.delete_after),
    }


def _etag(row: Any) -> str:
    return etag_of("admin/users", row.id, row.epoch)


def _job(row: Any) -> dict[str, Any]:
    times = ("created_at", "due_at", "done_at", "parked_at")
    return {**row._asdict(), **{name: rfc3339(getattr(row, name)) for name in times}}


def _people(session: Session) -> dict[str, int]:
    (users,) = session.rows(queries.USER_COUNTS)
    return dict(users._asdict())


PEOPLE = Fact("taskapi_users", "Accounts: all, and those of a kind.", "kind", _people)
