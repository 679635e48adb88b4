"""Starting and serving: what has to hold before the first request, and the process that answers it."""

import ctypes
import fcntl
import gc
import logging
import multiprocessing
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import IO, Any

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.common import AbstractServer
from sqlalchemy.exc import SQLAlchemyError

import taskapi
from taskapi import admission, logs, schema
from taskapi.accounts import service as accounts
from taskapi.accounts.schemas import NewAccount
from taskapi.actors import Operator
from taskapi.allocating import give_memory_back
from taskapi.answers import Environ, StartResponse
from taskapi.db import Database
from taskapi.draining import Drain
from taskapi.errors import BadStart, Invalid
from taskapi.keys import load_keys
from taskapi.parsing import checked
from taskapi.parts import Parts
from taskapi.passwords import PasswordHashing
from taskapi.settings import Settings, load_settings

_log = logging.getLogger("taskapi.server")
_PR_SET_PDEATHSIG = 1
_MOST_CONNECTIONS = 16_384
# Open files that are no clients: connections to databases, logs, files that are sent and made.
_OTHER_FILES = 512
# A connection that brings no request for so long is closed. Proxies drop one they do not use after a minute:
# they have to be first, or a request of theirs meets the closing.
_SILENCE_MILLISECONDS = 75_000
# From being told to end to the end, however long requests in flight take: less than service managers wait.
_LAST_SECONDS = 20


def prepare(settings: Settings) -> IO[str] | None:
    """Everything that has to hold before serving, in order; the lock, held while it is kept open.

    Raises BadStart, with nothing half done, for the first thing that does not.
    """
    admin = _wanted_admin(settings)
    make_home(settings)
    logs.configure(settings)
    lock = lock_home(settings) if settings.redis_url is None else None
    load_keys(settings)
    database = Database(settings)
    try:
        if settings.redis_url is None:
            schema.migrate(database)
        schema.require_served(database)
        if admin is not None:
            _make_first_admin(database, admin)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise BadStart(f"DATABASE_URL: the database cannot be used ({reason})") from None
    finally:
        database.close()
    return lock


def serving_app(settings: Settings) -> Flask:
    """The application as the serving process runs it, with its background threads."""
    app = taskapi.create_app(settings)
    _want_binding(app, settings)
    app.extensions["taskapi_background"].start()
    return app


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until told to stop; ends by itself when its parent process is gone."""
    address = free_address(host, port)
    require_metrics_port(settings)
    if not settings.has_public_url:
        # Links in mails lead to where it listens, as far as anybody told us.
        near = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - it is compared, not bound
        settings = settings.model_copy(update={"public_url": f"http://{_in_url(near)}:{port}"})
    lock = prepare(settings)
    server = http_server(settings, address, port)
    drain = (
        Drain(settings.drain_seconds, port) if settings.drain_seconds and sys.platform == "linux" else None
    )
    if drain is not None:
        # Granian has set its own by then, and starts its workers after.
        server.on_startup(partial(drain.before, server.signal_handler_interrupt))
    engine = "SQLite" if settings.is_sqlite else "PostgreSQL"
    _log.info(
        "taskapi %s serves http://%s:%d (%s, files under %s)",
        taskapi.__version__,
        host,
        port,
        engine,
        settings.home,
    )
    try:
        server.serve(target_loader=partial(_load, settings, os.getpid(), drain), wrap_loader=False)
    except SystemExit:
        # Granian ends so, without a word, when it lost its worker.
        _log.error("the serving process was killed, perhaps for want of memory; start the service again")
        raise
    finally:
        if lock is not None:
            lock.close()


def http_server(settings: Settings, address: str, port: int) -> AbstractServer[Any]:
    """The HTTP server, whatever application it is then given to serve."""
    if sys.platform == "linux":
        # From Python 3.14 on workers would else be children of a fork server, not of this process.
        multiprocessing.set_start_method("fork", force=True)
    return Granian(
        "taskapi.server:serving_app",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads + admission.THREADS_BESIDE,
        # Above this many connections, also silent ones, new ones wait in the socket's queue.
        backpressure=_most_connections(),
        # Clients that speak HTTP/2 do so to the proxy in front.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_SILENCE_MILLISECONDS),
        websockets=False,
        log_enabled=False,
        workers_kill_timeout=int(_LAST_SECONDS - settings.drain_seconds),
    )


def _most_connections() -> int:
    """As many as there may be open files, which become as many as a process may give itself."""
    wanted = _MOST_CONNECTIONS + _OTHER_FILES
    files, most = (
        wanted if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    if files < wanted:
        with suppress(ValueError, OSError):  # Some systems have a limit that they do not tell.
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, most), most))
            files = min(wanted, most)
    return max(min(files - _OTHER_FILES, _MOST_CONNECTIONS), 128)


def _load(settings: Settings, supervisor: int, drain: Drain | None = None) -> Flask:
    """What a worker serves. At module level: macOS starts workers afresh and sends them this by name."""
    _die_with(supervisor)
    give_memory_back()
    logs.configure(settings)
    app = serving_app(settings)
    if drain is not None:
        app.wsgi_app = drain.take_part(app.wsgi_app)  # type: ignore[assignment,method-assign]
    _settle()
    return app


def _want_binding(app: Flask, settings: Settings) -> None:
    if settings.binding == "on":
        parts: Parts = app.extensions["taskapi"]
        parts.binding.want()


def _settle() -> None:
    """Leave what start-up made out of searches for garbage, which took 0.1 s in which nobody was answered."""
    gc.collect()
    gc.freeze()


def wsgi_app() -> Flask:
    """The application for a WSGI server such as gunicorn, which imports `app:app` in each worker.

    Ends the process with one line and code 3, by which gunicorn knows that a restart would not help.
    """
    try:
        settings = load_settings()
        lock = prepare(settings)
    except BadStart as error:
        print(f"taskapi: {error}", file=sys.stderr)  # noqa: T201 - logging may not be set up yet
        sys.exit(3)
    give_memory_back()
    app = taskapi.create_app(settings)
    app.extensions["taskapi_lock"] = lock
    _want_binding(app, settings)
    _start_with_the_first_request(app)
    _settle()
    return app


def _start_with_the_first_request(app: Flask) -> None:
    """Have each process that serves begin what is beside the requests: a server may fork after the load."""
    start, answer = app.extensions["taskapi_background"].start, app.wsgi_app

    def first(environ: Environ, begin: StartResponse) -> Iterable[bytes]:
        start()
        return answer(environ, begin)

    app.wsgi_app = first  # type: ignore[assignment,method-assign]


def make_home(settings: Settings) -> None:
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = settings.home / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BadStart(
            f"TASKAPI_HOME: cannot write to {settings.home} ({error.strerror}); "
            "mend its rights or name another folder"
        ) from None


def require_metrics_port(settings: Settings) -> None:
    """Ask before anything is made whether metrics can be told. Raises BadStart."""
    if settings.metrics_address is not None:
        free_address(*settings.metrics_address, named="TASKAPI_METRICS_PORT")


def free_address(host: str, port: int, named: str = "--port") -> str:
    """The IP address of the host, on which this port is free: asked before anything is made."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # Containers name ::1 as localhost and have no IPv6.
        family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise BadStart(
            f"{named}: cannot listen on {host}:{port} ({error.strerror}); "
            f"stop what listens there, or name another {'--host or --port' if named == '--port' else 'port'}"
        ) from None
    return str(address[0])


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def lock_home(settings: Settings) -> IO[str]:
    """The one right to serve from this home without Redis, held for the life of the process."""
    path = settings.home / "lock"
    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise BadStart(
            f"TASKAPI_HOME: another process ({owner}) serves from {settings.home}; stop it, "
            "or for several processes set DATABASE_URL=postgresql://… and REDIS_URL"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _wanted_admin(settings: Settings) -> NewAccount | None:
    """The admin named by the settings."""
    if settings.admin_email is None or settings.admin_password is None:
        return None
    given = {"email": settings.admin_email, "password": settings.admin_password.get_secret_value()}
    try:
        return checked(NewAccount, given)
    except Invalid as error:
        fault = (error.errors or [{}])[0]
        setting = "TASKAPI_ADMIN_" + fault.get("pointer", "").strip("/").upper()
        raise BadStart(f"{setting}: {fault.get('detail')}") from None


def _make_first_admin(database: Database, admin: NewAccount) -> None:
    """Make the admin, on an instance without any account."""
    with database.writer() as session:
        if not accounts.count(session):
            by = Operator(request_id="first-start")
            accounts.make_admin(session, by, admin, PasswordHashing().hash(admin.password))


def _die_with(supervisor: int) -> None:
    """Have the kernel end this worker when the supervisor is killed: nobody else would."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(1)
