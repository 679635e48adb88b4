"""Placing rows of a table among each other: what has to be read for it, and room made where there is none.

Read after the scope's epoch was moved: whoever else writes in the scope waits for that, so what is read stays
(ADR 6).
"""

from collections.abc import Collection, Iterable
from types import SimpleNamespace
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, select, tuple_, union_all, update
from sqlalchemy.orm import aliased

from taskapi import epochs
from taskapi.clock import now
from taskapi.db import Session
from taskapi.positions import Order

# Room is made a little before there is none: the next to ask may do it where this one cannot.
_EARLY = 16


class Placing:
    """The statements for one table, built once; the table has scope, id, position, trash and version."""

    def __init__(self, table: Any) -> None:
        self._around = _around(table)
        mine, live = table.scope_id == bindparam("scope"), table.trashed_at.is_(None)
        self._all = select(table.id, table.position).where(mine, live)
        these = table.id.in_(bindparam("ids", expanding=True))
        # Whoever holds one of these may be waiting for our epoch: so they are not waited for.
        self._free = (
            select(table.id, table.version).where(mine, these).with_for_update(skip_locked=True)
        ).order_by(table.id)
        names = ("position", "epoch", "updated_at", "version")
        self._move = (
            update(table)
            .where(mine, table.id == bindparam("moved"))
            .values({name: bindparam(f"new_{name}") for name in names})
        )

    def order_around(
        self, session: Session, scope: str, anchors: Collection[str], held: Iterable[SimpleNamespace]
    ) -> Order:
        """The list as far as it has to be known to place anything beside the anchors.

        `held` are rows that the caller has locked, in the trash or not: all are in the order. So are the
        anchors that live, and the nearest rows that are not held. Nothing unknown then lies between an anchor
        and its neighbours, however those held are moved.
        """
        known = {row.id: row.position for row in held}
        if anchors:
            found = session.rows(self._around, scope=scope, anchors=list(anchors), held=list(known))
            known |= {row.id: row.position for row in found}
        return Order(known)

    def order_with_room(
        self,
        session: Session,
        scope: str,
        anchors: Collection[str],
        held: Collection[SimpleNamespace],
        epoch: int,
        placings: int = 1,
    ) -> Order:
        """The same, with room beside the anchors: where places are spread anew, those held get theirs too."""
        order = self.order_around(session, scope, anchors, held)
        needed = max(placings, _EARLY)
        crowded = [one for one in anchors if one in order and order.is_crowded(one, needed)]
        if crowded:
            places = {row.id: row.position for row in session.rows(self._all, scope=scope)}
            whole = Order(places | {row.id: row.position for row in held})
            fresh = whole.spread_anew(crowded, needed, epoch)
            if self._spread(session, scope, fresh, {row.id: row for row in held}):
                for one in fresh.keys() & order.ids():
                    order.put(one, fresh[one])
        return order

    def _spread(
        self, session: Session, scope: str, fresh: dict[str, str], held: dict[str, SimpleNamespace]
    ) -> bool:
        """Write new places; not where somebody holds one of the rows."""
        free = session.rows(self._free, scope=scope, ids=list(fresh))
        if len(free) < len(fresh):
            return False
        first = epochs.move(session, epochs.scope_key(scope), by=len(free)) - len(free) + 1
        moment = now()
        moved = [
            {
                "scope": scope,
                "moved": row.id,
                "new_position": fresh[row.id],
                "new_epoch": epoch,
                "new_updated_at": moment,
                "new_version": row.version + 1,
            }
            for epoch, row in enumerate(free, first)
        ]
        session.run(self._move, moved)
        for values in moved:
            row = held.get(values["moved"])
            if row is not None:
                # Its epoch stays what a client may name in If-Match.
                row.position, row.version = values["new_position"], values["new_version"]
                row.updated_at = moment
        return True


def _around(table: Any) -> Any:
    """The live anchors, and the nearest live row on either side of each anchor that is not held."""
    anchor, near, beside = aliased(table), aliased(table), aliased(table)
    anchors: BindParameter[str] = bindparam("anchors", expanding=True)
    held: BindParameter[str] = bindparam("held", expanding=True)

    def nearest(is_there: ColumnElement[bool], *order: ColumnElement[Any]) -> Select[Any]:
        one = (
            select(near.id)
            .where(near.scope_id == bindparam("scope"), near.trashed_at.is_(None), near.id.not_in(held))
            .where(is_there)
            .order_by(*order)
            .limit(1)
            .correlate(anchor)
            .scalar_subquery()
        )
        return (
            select(beside.id, beside.position)
            .join_from(anchor, beside, (beside.scope_id == bindparam("scope")) & (beside.id == one))
            .where(anchor.scope_id == bindparam("scope"), anchor.id.in_(anchors))
        )

    here, there = tuple_(near.position, near.id), tuple_(anchor.position, anchor.id)
    return union_all(
        select(table.id, table.position).where(
            table.scope_id == bindparam("scope"), table.trashed_at.is_(None), table.id.in_(anchors)
        ),
        nearest(here > there, near.position, near.id),
        nearest(here < there, near.position.desc(), near.id.desc()),
    )
