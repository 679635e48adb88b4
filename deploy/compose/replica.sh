#!/bin/bash
# A streaming replica: copies the primary where its folder is empty, then follows it. It keeps a slot there, so that the
# primary keeps what a replica that is away has not seen, up to max_slot_wal_keep_size.
set -euo pipefail
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /var/run/postgresql
  chown -R postgres "$PGDATA" /var/run/postgresql
  chmod 0700 "$PGDATA"
  # The password for the user that goes on, in memory alone.
  install -o postgres -m 0600 /dev/null /tmp/pgpass
  echo "db:5432:*:replicator:$(cat /run/secrets/replication_password)" >/tmp/pgpass
  if command -v gosu >/dev/null; then exec gosu postgres bash "$0"; fi
  exec setpriv --reuid postgres --regid postgres --init-groups bash "$0"
fi
export PGPASSFILE=/tmp/pgpass
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  find "$PGDATA" -mindepth 1 -delete # A copy that was cut short.
  until pg_basebackup -D "$PGDATA" -h db -U replicator -R -X stream -S "$NAME" -C --checkpoint=fast; do
    echo "replica: the primary cannot be copied yet" >&2
    sleep 2
    # The slot is there already where an earlier try made it.
    pg_basebackup -D "$PGDATA" -h db -U replicator -R -X stream -S "$NAME" --checkpoint=fast && break
  done
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -c hot_standby_feedback=on \
  -c shared_buffers="$POSTGRES_SHARED_BUFFERS" -c max_connections="$POSTGRES_CONNECTIONS"
