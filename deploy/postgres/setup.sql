-- The roles and the database of taskapi. To be run by a superuser, once or again:
--
--   psql -v owner_password="$OWNER" -v service_password="$SERVICE" -f setup.sql
--
-- `-v database=`, `-v owner=` and `-v service=` give other names than taskapi, taskapi_owner and taskapi.

\set ON_ERROR_STOP on
\if :{?database} \else \set database taskapi \endif
\if :{?owner} \else \set owner taskapi_owner \endif
\if :{?service} \else \set service taskapi \endif

-- What a statement that fails would write of a password is not for the log.
SET log_min_error_statement = panic;

SELECT format('CREATE ROLE %I LOGIN', name)
FROM (VALUES (:'owner'), (:'service')) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE :"owner" PASSWORD :'owner_password';
ALTER ROLE :"service" PASSWORD :'service_password';

-- The service answers within seconds or not at all. What holds a lock and says nothing, as a connection whose
-- client froze, is ended before many wait behind it.
ALTER ROLE :"service" SET statement_timeout = '5s';
ALTER ROLE :"service" SET lock_timeout = '2s';
ALTER ROLE :"service" SET idle_in_transaction_session_timeout = '10s';
-- A client that a network lost is noticed in three seconds, and what it held is free again.
ALTER ROLE :"service" SET tcp_keepalives_idle = 1;
ALTER ROLE :"service" SET tcp_keepalives_interval = 1;
ALTER ROLE :"service" SET tcp_keepalives_count = 2;
ALTER ROLE :"service" SET tcp_user_timeout = '3s';

-- By code point whatever the machine's language; search and order of people's texts is the service's own.
SELECT format('CREATE DATABASE %I OWNER %I ENCODING ''UTF8'' LOCALE ''C.UTF-8'' TEMPLATE template0', :'database', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"owner", :"service";

\connect :"database"
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO :"owner";
