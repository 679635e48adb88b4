"""What the references keep: the same tasks of the same people, in the columns that their documentations would
give them.
"""

import psycopg

# Instants are instants, labels are JSON, a priority is its word; the index is that of the list.
_TABLES = """
CREATE SCHEMA peers;
CREATE TABLE peers.users AS
    SELECT id, email, name, role, timezone, language FROM users;
ALTER TABLE peers.users ADD PRIMARY KEY (id);
CREATE TABLE peers.tasks AS SELECT
    id, scope_id AS user_id, project_id, title, description, status,
    (ARRAY['none', 'low', 'medium', 'high', 'urgent'])[priority + 1] AS priority,
    labels::jsonb AS labels, to_timestamp(due_at / 1000.0) AS due_at, due_on,
    to_timestamp(remind_at / 1000.0) AS remind_at, position,
    to_timestamp(completed_at / 1000.0) AS completed_at, to_timestamp(trashed_at / 1000.0) AS trashed_at,
    to_timestamp(created_at / 1000.0) AS created_at, to_timestamp(updated_at / 1000.0) AS updated_at, version
    FROM tasks;
ALTER TABLE peers.tasks ADD PRIMARY KEY (id);
ALTER TABLE peers.tasks ALTER user_id SET NOT NULL;
CREATE INDEX tasks_of_user ON peers.tasks (user_id, created_at DESC, id DESC) WHERE trashed_at IS NULL;
-- As "before" has them: without an index on the owner.
CREATE TABLE public.task AS SELECT
    id::text, user_id::text, title, description, status, priority, to_json(labels) AS labels,
    due_at AT TIME ZONE 'UTC' AS due_at, due_on, project_id::text, position,
    completed_at AT TIME ZONE 'UTC' AS completed_at, trashed_at AT TIME ZONE 'UTC' AS trashed_at,
    created_at AT TIME ZONE 'UTC' AS created_at, updated_at AT TIME ZONE 'UTC' AS updated_at, version
    FROM peers.tasks;
ALTER TABLE public.task ADD PRIMARY KEY (id);
"""


def fill(url: str) -> None:
    """Make them from ours, in a schema beside it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TABLES.encode())
        connection.execute(b"VACUUM ANALYZE")
