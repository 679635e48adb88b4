"""The labels that somebody uses, all in one place: which there are, and another name for one of them.

Two spellings that differ in case or width alone are one label, as they are within one task.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import orjson

from taskapi import epochs
from taskapi.actors import Actor
from taskapi.clock import now
from taskapi.db import Session
from taskapi.labels import queries
from taskapi.labels.schemas import LabelRename
from taskapi.tasks.service import history_row, visible_to
from taskapi.text import label_key, label_keys, label_pattern, searchable


def list_labels(session: Session, actor: Actor) -> tuple[dict[str, Any], int]:
    """The labels of live tasks, each with how many have it, and the epoch of the scope."""
    found = session.rows(queries.USED, epoch_key=epochs.scope_key(actor.scope_id), **visible_to(actor))
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in found:
        # Where there are no labels at all, the one row has the epoch alone.
        for label in orjson.loads(row.labels or "[]"):
            spellings[label_key(label)][label] += row.tasks
    items = [
        {"name": _most_used(spellings[key]), "count": spellings[key].total()} for key in sorted(spellings)
    ]
    return {"items": items}, found[0].under


def rename(session: Session, actor: Actor, wanted: LabelRename) -> dict[str, Any]:
    """Put one label in another's place on every task, trashed or not; how many tasks that changed."""
    rows = session.rows(
        queries.LABELLED_LOCKED, pattern=label_pattern(wanted.from_label), **visible_to(actor)
    )
    changed = []
    for row in rows:
        before = orjson.loads(row.labels)
        after = _renamed(before, wanted)
        if after != before:
            changed.append((row, before, after))
    if changed:
        _write(session, actor, changed)
    return {"from": wanted.from_label, "to": wanted.to_label, "changed": len(changed)}


def _most_used(spellings: Counter[str]) -> str:
    """The spelling that most tasks have; of several, the first by code point."""
    return min(spellings, key=lambda name: (-spellings[name], name))


def _renamed(labels: list[str], wanted: LabelRename) -> list[str]:
    """The labels with the new one in the old one's place; where both were there, in the first one's."""
    same = {label_key(wanted.from_label), label_key(wanted.to_label)}
    replaced = [wanted.to_label if label_key(label) in same else label for label in labels]
    return list(dict.fromkeys(replaced))


def _write(session: Session, actor: Actor, changed: Sequence[tuple[Any, list[str], list[str]]]) -> None:
    """Write new labels of locked tasks: two statements, however many they are, and an epoch for each."""
    moment = now()
    newest = epochs.move(session, epochs.scope_key(actor.scope_id), by=len(changed))
    updates, entries = [], []
    for epoch, (row, before, after) in enumerate(changed, newest - len(changed) + 1):
        updates.append(
            {
                "new_labels": orjson.dumps(after).decode(),
                "new_label_keys": label_keys(after),
                "new_search_text": searchable(row.title, row.description, *after),
                "new_epoch": epoch,
                "new_updated_at": moment,
                "task": row.id,
                **visible_to(actor),
            }
        )
        entries.append(history_row(actor, row.id, epoch, moment, {"labels": (before, after)}))
    session.run(queries.RELABEL, updates)
    session.run(queries.REMEMBER, entries)
