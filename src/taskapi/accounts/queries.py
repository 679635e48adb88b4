"""The statements of this feature, built once."""

from functools import cache

from sqlalchemy import Update, bindparam, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from taskapi.accounts.models import User
from taskapi.epochs import with_epoch

# The same statement in both dialects; where the address is known nothing is inserted or returned.
REGISTER = {
    "sqlite": sqlite.insert(User).on_conflict_do_nothing(index_elements=["email_key"]).returning(User.id),
    "postgresql": postgresql.insert(User)
    .on_conflict_do_nothing(index_elements=["email_key"])
    .returning(User.id),
}

BY_ID = select(
    User.id,
    User.email,
    User.email_key,
    User.pending_email,
    User.password_hash,
    User.name,
    User.role,
    User.email_verified_at,
    User.disabled_at,
    User.delete_after,
    User.language,
    User.timezone,
    User.created_at,
    User.updated_at,
    User.epoch,
).where(User.id == bindparam("user_id"))

BY_ID_UNDER = with_epoch(BY_ID)

BY_ID_LOCKED = BY_ID.with_for_update()

# Some users and every admin, locked in the order of their ids: of two who would each leave no other admin,
# one sees what the other did.
WITH_ADMINS_LOCKED = (
    select(*BY_ID.selected_columns)
    .where(or_(User.id.in_(bindparam("user_ids", expanding=True)), User.role == "admin"))
    .order_by(User.id)
    .with_for_update()
)

ID_OF = select(User.id).where(User.email_key == bindparam("email_key"))

COUNT = select(func.count()).select_from(User)


@cache
def change(*columns: str) -> Update:
    """An update of these columns of one user; its epoch and `updated_at` go with every change."""
    names = (*columns, "epoch", "updated_at")
    return (
        update(User)
        .where(User.id == bindparam("user_id"))
        .values({name: bindparam(f"new_{name}") for name in names})
    )
