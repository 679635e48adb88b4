"""Accounts: making one, proving its address, and changing what belongs to it.

Calls that take an address do the same work and answer the same whether it is known or not: what differs is
decided by the job that sends the mail.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Executable
from sqlalchemy.exc import IntegrityError

from taskapi import epochs
from taskapi.accounts import queries
from taskapi.accounts.schemas import NewAccount, PasswordReset
from taskapi.actors import Author, Client
from taskapi.audit.service import remember, remember_act
from taskapi.clock import DAY, HOUR, now
from taskapi.db import Session
from taskapi.errors import Conflict, Invalid, Unauthorized
from taskapi.ids import new_id
from taskapi.jobs import enqueue
from taskapi.parts import Parts
from taskapi.personal_tokens.service import revoke_all as revoke_all_tokens
from taskapi.sessions.service import end_all
from taskapi.text import email_key, searchable, title_key

# How long a mailed link holds.
LIFETIME = {"verify": 3 * DAY, "change": 3 * DAY, "reset": 1 * HOUR}

Purpose = Literal["verify", "change", "reset"]
AdminMade = Literal["made", "taken over", "promoted"]


class LastAdmin(Conflict):
    """Nobody could let anybody in again."""

    def __init__(self) -> None:
        super().__init__(
            "This is the last admin who can act: not disabled, not about to be deleted. Make somebody else an"
            " admin first, then do this again."
        )


def register(parts: Parts, session: Session, client: Client, wanted: NewAccount) -> dict[str, str]:
    """Make an account, or tell the owner of a known address that somebody tried. Raises TooMany, Busy."""
    headers = parts.limiter.spend("register", client.network)
    password_hash = parts.hashing.hash(wanted.password)
    user_id = create(session, wanted, password_hash, role="user", verified=False)
    # Remembered in either case: both cost the same.
    remember(
        session,
        "user.registered" if user_id else "user.registration_refused",
        actor_id=user_id,
        target=("user", user_id) if user_id else None,
        via="api",
        request_id=client.request_id,
    )
    kind = "mail.verify_email" if user_id else "mail.already_registered"
    key = email_key(wanted.email)
    # Counted in either case too. Nobody's letter box is filled by whoever registers them again and again.
    mails = parts.limiter.take("forgot", f"mail.already_registered:{key}")
    if user_id or mails is None or mails.admitted:
        enqueue(session, kind, {"email_key": key}, client.request_id, user_id)
    return headers


def create(session: Session, wanted: NewAccount, password_hash: str, role: str, verified: bool) -> str | None:
    """A new user's id, or None where the address is known."""
    moment, user_id = now(), new_id()
    values = {
        "id": user_id,
        **completed({"email": wanted.email, "name": wanted.name}),
        "password_hash": password_hash,
        "role": role,
        "language": wanted.language,
        "timezone": wanted.timezone,
        "email_verified_at": moment if verified else None,
        "created_at": moment,
        "updated_at": moment,
        "epoch": 0,
        "auth_epoch": 0,
    }
    # The collection's epoch is moved in either case: both cost the same.
    epochs.move(session, epochs.USERS)
    made: str | None = session.value(queries.REGISTER[session.dialect], **values)
    return made


def ask_for_mail(parts: Parts, session: Session, client: Client, kind: str, address: str) -> dict[str, str]:
    """Have a reset or verification mail sent, if there is an account: the job finds out. Raises TooMany."""
    headers = spend_mail(parts, client, kind, address)
    enqueue(session, kind, {"email_key": email_key(address)}, client.request_id)
    return headers


def spend_mail(parts: Parts, client: Client, kind: str, address: str) -> dict[str, str]:
    """Count a mail that was asked for against what one address may get and one client ask. Raises TooMany."""
    parts.limiter.spend("forgot_address", client.network)
    return parts.limiter.spend("forgot", f"{kind}:{email_key(address)}")


def mail_token(parts: Parts, user: Any, purpose: Purpose, moment: int) -> str:
    """What a mail's link carries: for one purpose, for its lifetime, until what it is bound to changes."""
    expires = moment + LIFETIME[purpose]
    return parts.mail_tokens.close([user.id, purpose, expires], _binding(user, purpose))


def verify_email(parts: Parts, session: Session, client: Client, token: str) -> None:
    """Take an address as its owner's, and tell the one it replaces. Raises Invalid for a bad token."""
    user, purpose = _user_of_token(parts, session, token, ("verify", "change"))
    if purpose == "verify":
        _by_mail(session, user.id, client, "user.email_verified")
        apply(session, user.id, {"email_verified_at": now()})
        return
    taken = session.value(queries.ID_OF, email_key=email_key(user.pending_email))
    if taken not in {None, user.id}:
        raise _invalid_token()
    new = {"email": user.pending_email, "pending_email": None, "email_verified_at": now()}
    try:
        apply(session, user.id, new)
    except IntegrityError:
        # Somebody took it at this very moment.
        raise _invalid_token() from None
    _by_mail(session, user.id, client, "user.email_changed")
    told = {"old_email": user.email, "new_email": user.pending_email}
    enqueue(session, "mail.address_changed", told, client.request_id, user.id)


def reset_password(
    parts: Parts, reading: Session, session: Session, client: Client, wanted: PasswordReset
) -> None:
    """Set a password by a mailed token, end every session and revoke every personal token. Raises Invalid."""
    _user_of_token(parts, reading, wanted.token, ("reset",), queries.BY_ID)
    fresh = parts.hashing.hash(wanted.password)
    user, _ = _user_of_token(parts, session, wanted.token, ("reset",))
    end_all(session, user.id)
    revoke_all_tokens(session, user.id, client.request_id)
    # Whoever has the mail has the address.
    verified = user.email_verified_at or now()
    # An address that is waited for may be what a thief of the old password asked for.
    changes = {"password_hash": fresh, "email_verified_at": verified, "pending_email": None}
    apply(session, user.id, changes, revoke_tokens=True)
    _by_mail(session, user.id, client, "user.password_reset")
    enqueue(session, "mail.password_changed", {}, client.request_id, user.id)


def make_admin(session: Session, by: Author, wanted: NewAccount, password_hash: str) -> AdminMade:
    """An admin of that address, made, taken over or promoted. Only the command line calls this.

    An account whose address nobody proved may be anybody's who knows the address: it is taken over, with the
    password given here, and whoever was in it is out.
    """
    user_id = id_of(session, wanted.email)
    if user_id is None:
        user_id = create(session, wanted, password_hash, role="admin", verified=True)
        if user_id is not None:
            remember_act(session, by, "user.created", ("user", user_id))
        return "made"
    user = by_id(session, user_id, locked=True)
    remember_act(session, by, "user.promoted", ("user", user_id))
    if user.email_verified_at is not None:
        apply(session, user_id, {"role": "admin"})
        return "promoted"
    end_all(session, user_id)
    revoke_all_tokens(session, user_id, by.request_id, by)
    theirs = {"password_hash": password_hash, "email_verified_at": now(), "pending_email": None}
    apply(session, user_id, {"role": "admin", **theirs}, revoke_tokens=True)
    return "taken over"


def id_of(session: Session, address: str) -> str | None:
    """The id of the account with this address."""
    found: str | None = session.value(queries.ID_OF, email_key=email_key(address))
    return found


def locked_with_admins(session: Session, *user_ids: str | None) -> dict[str, Any]:
    """The rows of these users, where there are any, and of all admins, locked until the transaction ends.

    Whoever may take an admin away asks for this first: no two do so at once.
    """
    wanted = [user_id for user_id in user_ids if user_id is not None]
    return {row.id: row for row in session.rows(queries.WITH_ADMINS_LOCKED, user_ids=wanted)}


def require_another_admin(rows: Iterable[Any], user_id: str, *, only_proved: bool = False) -> None:
    """Let a user stop being an admin who can act. Raises LastAdmin where they are the only one.

    `rows` are those of `locked_with_admins`. With `only_proved` those count alone who can log in where an
    address has to be verified.
    """
    active = {
        row.id
        for row in rows
        if row.role == "admin"
        and row.disabled_at is None
        and row.delete_after is None
        and (row.email_verified_at is not None or row.id == user_id or not only_proved)
    }
    if active == {user_id}:
        raise LastAdmin


def count(session: Session) -> int:
    return int(session.value(queries.COUNT))


def apply(session: Session, user_id: str, changes: Mapping[str, object], revoke_tokens: bool = False) -> int:
    """Change columns of one user, and with them the user's epoch and the one of the collection admins see.

    The row has to be locked already (rows before epochs). `revoke_tokens` refuses every access token issued
    to the user so far. Returns the user's new epoch.
    """
    moved = epochs.move_all(session, (epochs.user_key(user_id), epochs.USERS))
    epoch = moved[epochs.user_key(user_id)]
    whole = completed(changes) | ({"auth_epoch": epoch} if revoke_tokens else {})
    values = {f"new_{name}": value for name, value in whole.items()}
    values |= {"user_id": user_id, "new_epoch": epoch, "new_updated_at": now()}
    session.run(queries.change(*whole), values)
    return epoch


def completed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of a user with those that are computed from them."""
    whole = dict(values)
    if "name" in values:
        whole |= {"name_key": title_key(values["name"]), "name_words": searchable(values["name"])}
    if "email" in values:
        whole |= {"email_key": email_key(values["email"]), "email_words": searchable(values["email"])}
    return whole


def by_id(session: Session, user_id: str, locked: bool = False) -> Any:
    """The row of a user who is authenticated, locked against other changes where that is asked for.

    Raises Unauthorized: it is gone only if the account was purged this very moment.
    """
    row = session.row(queries.BY_ID_LOCKED if locked else queries.BY_ID, user_id=user_id)
    if row is None:
        raise Unauthorized
    return row


def by_id_under(session: Session, user_id: str) -> Any:
    """As `by_id`, with the user's epoch from the same snapshot as `under`. Raises Unauthorized."""
    row = session.row(queries.BY_ID_UNDER, user_id=user_id, epoch_key=epochs.user_key(user_id))
    if row is None or row.id is None:
        raise Unauthorized
    return row


def _user_of_token(
    parts: Parts,
    session: Session,
    token: str,
    purposes: tuple[Purpose, ...],
    statement: Executable = queries.BY_ID_LOCKED,
) -> Any:
    """The user a mailed token is for, and its purpose. Raises Invalid."""
    try:
        user_id, purpose, expires = parts.mail_tokens.claimed(token)
        if purpose not in purposes or now() >= expires:
            raise _invalid_token()
        # Not sealed yet: whatever somebody wrote there, the database is asked for a UUID alone.
        user = session.row(statement, user_id=str(UUID(str(user_id))))
        parts.mail_tokens.open(token, _binding(user, purpose) if user else "")
    except (ValueError, TypeError):
        raise _invalid_token() from None
    if user is None or user.disabled_at is not None:
        raise _invalid_token()
    return user, purpose


def _by_mail(session: Session, user_id: str, client: Client, action: str) -> None:
    """Remember what somebody did who has shown a mailed token and no other."""
    remember(
        session,
        action,
        actor_id=user_id,
        target=("user", user_id),
        via="api",
        request_id=client.request_id,
    )


def _binding(user: Any, purpose: str) -> str:
    """What has to be as it was when the mail was sent: so each token works once."""
    return {
        "verify": f"verify\x1f{user.email_key}\x1f{user.email_verified_at}",
        "change": f"change\x1f{user.email_key}\x1f{user.pending_email}",
        "reset": f"reset\x1f{user.email_key}\x1f{user.password_hash}",
    }[purpose]


def _invalid_token() -> Invalid:
    return Invalid.field("/token", "is not valid, or not any more; ask for a new mail")
