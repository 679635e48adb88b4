"""What a person changes about themselves; whatever is dangerous asks for the password again."""

from typing import Any

from taskapi import epochs
from taskapi.accounts.service import (
    apply,
    by_id,
    by_id_under,
    locked_with_admins,
    require_another_admin,
    spend_mail,
)
from taskapi.actors import Actor, Client
from taskapi.audit.service import remember_act
from taskapi.clock import DAY, now, rfc3339
from taskapi.db import Session
from taskapi.errors import Busy, Invalid, Unauthorized
from taskapi.etags import Match, etag_of
from taskapi.jobs import enqueue
from taskapi.login.service import budgets as login_budgets
from taskapi.parts import Parts
from taskapi.preferences.service import follow_zone
from taskapi.profile.schemas import AccountDeletion, EmailChange, PasswordChange, ProfileChange
from taskapi.sessions.service import end_all

# An account that its owner deleted can be had back by logging in for this long.
REGRET_MILLISECONDS = 14 * DAY


def get_profile(session: Session, actor: Actor) -> tuple[dict[str, object], str, dict[str, int]]:
    """The actor as they may see themselves, the ETag of that, and the epoch it was read under."""
    user = by_id_under(session, actor.user_id)
    return _profile(user), _etag(user), {epochs.user_key(user.id): user.under}


def change_profile(
    session: Session, actor: Actor, wanted: ProfileChange, if_match: Match | None
) -> tuple[dict[str, object], str]:
    """The profile with the sent fields changed, and its ETag. Raises StaleMatch."""
    user = by_id(session, actor.user_id, locked=True)
    if if_match is not None:
        if_match.admit(_etag(user))
    current = {name: getattr(user, name) for name in ("name", "language", "timezone")}
    new = current | {name: getattr(wanted, name) for name in wanted.model_fields_set}
    if new != current:
        if new["timezone"] != current["timezone"]:
            # What is overdue, and which day something was done, depend on the zone.
            epochs.move(session, epochs.scope_key(actor.scope_id))
        apply(session, user.id, new)
        if new["timezone"] != current["timezone"]:
            follow_zone(session, user.id)
        user = by_id(session, actor.user_id)
    return _profile(user), _etag(user)


def change_password(
    parts: Parts, reading: Session, session: Session, actor: Actor, wanted: PasswordChange
) -> None:
    """A new password; all other sessions end. Raises Invalid where the current one is wrong, TooMany."""
    user = _confirmed(parts, reading, actor, wanted.current_password, "/current_password")
    fresh = parts.hashing.hash(wanted.new_password)
    _unchanged(session, user)
    end_all(session, actor.user_id, keep=actor.session_id)
    # As a reset does: an address that is waited for may be what a thief of the old password asked for.
    apply(session, user.id, {"password_hash": fresh, "pending_email": None})
    remember_act(session, actor, "user.password_changed", ("user", user.id))
    enqueue(session, "mail.password_changed", {}, actor.request_id, user.id)


def change_email(
    parts: Parts, reading: Session, session: Session, actor: Actor, client: Client, wanted: EmailChange
) -> None:
    """Remember a new address until it is verified. Raises Invalid where the password is wrong, TooMany."""
    user = _confirmed(parts, reading, actor, wanted.password, "/password")
    # Each is a mail to an address that need not be the actor's.
    spend_mail(parts, client, "mail.change_email", wanted.email)
    _unchanged(session, user)
    apply(session, user.id, {"pending_email": wanted.email})
    remember_act(session, actor, "user.email_change_asked", ("user", user.id))
    # To the new address, which has to be proved, and to the old one, whose owner has to know.
    for kind in ("mail.change_email", "mail.change_asked"):
        enqueue(session, kind, {"email": wanted.email}, actor.request_id, user.id)


def delete_account(
    parts: Parts, reading: Session, session: Session, actor: Actor, wanted: AccountDeletion
) -> None:
    """Let the account go in 14 days, and end its sessions.

    Raises Invalid where the password is wrong, LastAdmin where no other admin would be left.
    """
    user = _confirmed(parts, reading, actor, wanted.password, "/password")
    rows = locked_with_admins(session, user.id)
    _unchanged(session, user)
    require_another_admin(rows.values(), user.id, only_proved=parts.settings.verify_email)
    end_all(session, actor.user_id)
    apply(session, user.id, {"delete_after": now() + REGRET_MILLISECONDS}, revoke_tokens=True)
    remember_act(session, actor, "user.deletion_asked", ("user", user.id))
    enqueue(session, "mail.account_going", {}, actor.request_id, user.id)


def limits(parts: Parts, reading: Session, actor: Actor, client: Client) -> list[dict[str, object]]:
    """The budgets that concern the actor here and now."""
    names = [
        *login_budgets(parts, reading, actor.user_id, client),
        *((name, client.network) for name in ("refresh", "register", "forgot_address", "token_address")),
        *((name, actor.user_id) for name in ("password", "create", "export", "import", "read")),
    ]
    verdicts = [parts.limiter.peek(policy, name) for policy, name in names]
    return [
        {
            "name": verdict.policy.name,
            "quota": verdict.policy.quota,
            "window_seconds": verdict.policy.seconds,
            "remaining": verdict.remaining,
            "reset_seconds": verdict.reset,
        }
        for verdict in verdicts
        if verdict is not None
    ]


def _confirmed(parts: Parts, reading: Session, actor: Actor, password: str, pointer: str) -> Any:
    """The actor's row, once they have shown that they know the password."""
    user = by_id(reading, actor.user_id)
    parts.limiter.spend("password", actor.user_id)
    try:
        right = parts.hashing.verify(password, user.password_hash)
    except Busy:
        # Nobody looked at the password: that is no failure.
        parts.limiter.give_back("password", actor.user_id)
        raise
    if not right:
        raise Invalid.field(pointer, "is not your password")
    parts.limiter.give_back("password", actor.user_id)
    return user


def _unchanged(session: Session, user: Any) -> None:
    """Lock the row; a password changed since it was confirmed confirms nothing."""
    row = by_id(session, user.id, locked=True)
    if row.password_hash != user.password_hash:
        raise Unauthorized


def _profile(user: Any) -> dict[str, object]:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "email_verified": user.email_verified_at is not None,
        "language": user.language,
        "timezone": user.timezone,
        "created_at": rfc3339(user.created_at),
        "updated_at": rfc3339(user.updated_at),
    }


def _etag(user: Any) -> str:
    return etag_of("me", user.id, user.epoch)
