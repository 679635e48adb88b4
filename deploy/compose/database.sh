#!/bin/bash
# The roles and the database of taskapi, and who may replicate. Run once, when PostgreSQL makes its folder, and again where
# a password was renewed (`box renew database`).
set -euo pipefail
secret() { cat "/run/secrets/$1"; }

psql -qU postgres -d postgres -v owner_password="$(secret database_owner_password)" \
  -v service_password="$(secret database_password)" -f /etc/taskapi/setup.sql
psql -qU postgres -d postgres -v ON_ERROR_STOP=1 -v own="$(secret postgres_password)" \
  -v password="$(secret replication_password)" <<'SQL'
SET log_min_error_statement = panic;
ALTER ROLE postgres PASSWORD :'own';
SELECT 'CREATE ROLE replicator LOGIN REPLICATION'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'replicator') \gexec
ALTER ROLE replicator PASSWORD :'password';
SQL
grep -q '^host replication replicator' "$PGDATA/pg_hba.conf" ||
  echo "host replication replicator all scram-sha-256" >>"$PGDATA/pg_hba.conf"
