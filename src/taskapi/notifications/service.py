"""Which mail a job comes to, decided by what the database says when the mail is to leave.

A request answers the same whether an address is known or not, so most of the questions are asked here: is
there an account, may it be told of, is there still something to confirm. None means that nothing is sent.
"""

from typing import Any

from taskapi.accounts.service import LIFETIME, Purpose, mail_token
from taskapi.clock import DAY, now
from taskapi.db import Session
from taskapi.jobs import Job
from taskapi.letters import Letter
from taskapi.notifications import queries
from taskapi.parts import Parts
from taskapi.text import email_key

# Sessions are remembered for this long at least: an account that is older and has none has been away.
_AWAY_MILLISECONDS = 30 * DAY
_LONGEST_DEVICE = 120


def verify_email(parts: Parts, reading: Session, job: Job) -> Letter | None:
    """The link that proves an address, to an account that was made or asked for it again."""
    user = whose(reading, job)
    if not _is_open(user) or user.email_verified_at is not None:
        return None
    return _with_token(parts, job, user, "verify_email", "verify")


def already_registered(parts: Parts, reading: Session, job: Job) -> Letter | None:
    """To the owner of an address that somebody tried to register."""
    user = whose(reading, job)
    return _notice(parts, user, "already_registered") if _is_open(user) else None


def reset_password(parts: Parts, reading: Session, job: Job) -> Letter | None:
    user = whose(reading, job)
    return _with_token(parts, job, user, "reset_password", "reset") if _is_open(user) else None


def change_email(parts: Parts, reading: Session, job: Job) -> Letter | None:
    """To the address that an account is to move to; if it has an account already, its owner is told so."""
    user, wanted = whose(reading, job), job.payload["email"]
    if not _is_open(user) or user.pending_email != wanted:
        return None
    owner = reading.row(queries.RECIPIENT_AT, email_key=email_key(wanted))
    if owner is not None and owner.id != user.id:
        return _notice(parts, owner, "already_registered") if _is_open(owner) else None
    return _with_token(parts, job, user, "change_email", "change", to=wanted, values={"new_email": wanted})


def change_asked(parts: Parts, reading: Session, job: Job) -> Letter | None:
    """To the address that an account is to leave."""
    user, wanted = whose(reading, job), job.payload["email"]
    if user is None or user.pending_email != wanted:
        return None
    return _notice(parts, user, "change_asked", values={"new_email": wanted}, when=job.created_at)


def address_changed(parts: Parts, reading: Session, job: Job) -> Letter | None:
    """To the address that an account has left."""
    user, old = whose(reading, job), job.payload["old_email"]
    if user is None:
        return None
    values = {"old_email": old, "new_email": job.payload["new_email"]}
    return _notice(parts, user, "address_changed", to=old, values=values, when=job.created_at)


def password_changed(parts: Parts, reading: Session, job: Job) -> Letter | None:
    user = whose(reading, job)
    return None if user is None else _notice(parts, user, "password_changed", when=job.created_at)


def new_device(parts: Parts, reading: Session, job: Job) -> Letter | None:
    """A log-in from where none came before; the first of an account is nothing to warn of."""
    user, session_id = whose(reading, job), job.payload["session_id"]
    if user is None:
        return None
    earlier = reading.value(queries.EARLIER_SESSION, user_id=user.id, session_id=session_id)
    if earlier is None and job.created_at - user.created_at < _AWAY_MILLISECONDS:
        return None
    return _of_session(parts, reading, job, user, "new_device")


def session_stolen(parts: Parts, reading: Session, job: Job) -> Letter | None:
    user = whose(reading, job)
    return None if user is None else _of_session(parts, reading, job, user, "session_stolen")


def account_going(parts: Parts, reading: Session, job: Job) -> Letter | None:
    user = whose(reading, job)
    if user is None or user.delete_after is None:
        return None
    return _notice(parts, user, "account_going", moments={"gone": user.delete_after})


def whose(reading: Session, job: Job) -> Any:
    """The account a job is about, by the id it was left with or else by the address; None: there is none."""
    if job.user_id is not None:
        return reading.row(queries.RECIPIENT, user_id=job.user_id)
    return reading.row(queries.RECIPIENT_AT, email_key=job.payload["email_key"])


def may_be_written_to(parts: Parts, user: Any) -> bool:
    """Whether somebody may be sent what is no security matter.

    Never to an address that nobody has proved: it may be a stranger's. Files reach nobody.
    """
    return _is_open(user) and (user.email_verified_at is not None or parts.settings.smtp_host is None)


def _is_open(user: Any) -> bool:
    """Whether there is such an account, and somebody may still get into it."""
    if user is None or user.disabled_at is not None:
        return False
    return user.delete_after is None or user.delete_after > now()


def name_for(user: Any, address: str) -> str:
    """How somebody is greeted: by name only where the address is known to be theirs.

    A name is whatever somebody typed; to an address that nobody proved it would be a stranger's words, such
    as an invitation to another site, in a mail of ours.
    """
    return user.name if user.email_verified_at is not None and address == user.email else ""


def _with_token(
    parts: Parts,
    job: Job,
    user: Any,
    kind: str,
    purpose: Purpose,
    to: str | None = None,
    values: dict[str, str] | None = None,
) -> Letter:
    """A letter with a link that does something. The token is in the fragment, which no server's log sees."""
    # By the job's own time a redo has the very same link; only where that is over by now it is a new one.
    began = job.created_at if now() < job.created_at + LIFETIME[purpose] else now()
    page = "reset" if purpose == "reset" else "verify"
    token = mail_token(parts, user, purpose, began)
    return Letter(
        kind=kind,
        address=to or user.email,
        name=name_for(user, to or user.email),
        language=user.language,
        timezone=user.timezone,
        link=f"{parts.settings.public_url}/{page}#{token}",
        values=values or {},
        moments={"until": began + LIFETIME[purpose]},
    )


def _notice(
    parts: Parts,
    user: Any,
    kind: str,
    *,
    to: str | None = None,
    values: dict[str, str] | None = None,
    moments: dict[str, int] | None = None,
    when: int | None = None,
) -> Letter:
    """A letter that says what happened, with the way to a new password."""
    values = values or {}
    listed = tuple(name for name in ("device", "from") if name in values)
    return Letter(
        kind=kind,
        address=to or user.email,
        name=name_for(user, to or user.email),
        language=user.language,
        timezone=user.timezone,
        # Whoever lost the account along with its address is not helped by a mail to the new one.
        link="" if kind == "address_changed" else f"{parts.settings.public_url}/reset",
        values=values,
        moments=(moments or {}) | ({} if when is None else {"when": when}),
        facts=(("when",) if when is not None else ()) + listed,
    )


def _of_session(parts: Parts, reading: Session, job: Job, user: Any, kind: str) -> Letter:
    """A letter about one session, with what is known of where it is."""
    found = reading.row(queries.SESSION, user_id=user.id, session_id=job.payload["session_id"])
    values = {}
    if found is not None:
        # What a client calls itself is its own invention: one line of it will do.
        device = " ".join(found.user_agent.split())[:_LONGEST_DEVICE]
        values = {name: value for name, value in (("device", device), ("from", found.address)) if value}
    return _notice(parts, user, kind, values=values, when=job.created_at)
