"""The parts a running process is made of, each chosen once; services are given what they need of them."""

from collections import Counter
from dataclasses import dataclass
from functools import partial

from taskapi import headers
from taskapi.admission import WaitingRoom
from taskapi.binding import Binding
from taskapi.bodies import MOST_BODIES, MOST_FILES, BodyReading
from taskapi.callers import Callers
from taskapi.channel import Channel
from taskapi.db import Database
from taskapi.engines import direct_connection
from taskapi.envelopes import Envelope
from taskapi.epoch_map import Epochs
from taskapi.keys import Keys, load_keys
from taskapi.limits import Limiter, is_dry_run
from taskapi.mail import Mailer, mailer
from taskapi.metrics.cells import Cells
from taskapi.metrics.requests import Requests
from taskapi.metrics.signals import Sampled, Signals, counted
from taskapi.overrun import Overrun
from taskapi.passwords import PasswordHashing
from taskapi.redis_calls import RedisCalls, client
from taskapi.responses import Store
from taskapi.second_level import SecondLevel
from taskapi.server_timing import ServerTiming
from taskapi.settings import Settings
from taskapi.shared_limits import SharedLimits
from taskapi.stores import FileStore, store_of
from taskapi.tokens import AccessTokens, Seal


@dataclass(frozen=True)
class Parts:
    settings: Settings
    database: Database
    epochs: Epochs
    # Where there may be other processes.
    channel: Channel | None
    keys: Keys
    access_tokens: AccessTokens
    callers: Callers
    store: Store
    # Where others' answers are, if there may be others.
    second_level: SecondLevel | None
    hashing: PasswordHashing
    binding: Binding
    room: WaitingRoom
    overrun: Overrun
    limiter: Limiter
    reading: BodyReading
    # Of who has not said who they are, and of files.
    reading_strangers: BodyReading
    receiving: BodyReading
    cursors: Seal
    refresh_tokens: Seal
    mail_tokens: Seal
    mailer: Mailer
    devices: Seal
    unsubscribing: Seal
    # For links to files.
    downloads: Seal
    files: FileStore
    # What clients have seen: Consistency-Token.
    seen: Seal
    # For what tells keyed requests apart.
    fingerprint_key: bytes
    # For answers that hold a secret and are kept for replays.
    kept_answers: Envelope
    # What is counted of this process, and its requests among that.
    cells: Cells
    requests: Requests
    # Tries of background jobs, by kind and outcome.
    jobs: Counter[tuple[str, str]]
    # Its last hour, for admins to see.
    signals: Signals
    timing: ServerTiming


def assemble(settings: Settings) -> Parts:
    """The parts for these settings; touches no database yet. Raises BadStart where a key cannot be had."""
    database = Database(settings, serves=True)
    keys = load_keys(settings)
    access_tokens = AccessTokens(keys, settings.issuer)
    # On SQLite all writes are this process's own, or noticed; elsewhere a channel tells, where there is one.
    epochs = Epochs(database, remember=settings.is_sqlite)
    over_redis = _over_redis(settings, database, epochs, keys)
    store, requests, binding = Store(settings.cache_mb << 20), Requests(), Binding()

    def count() -> Sampled:
        return counted(requests, store.counts["hit"], database.work.seconds)

    return Parts(
        settings=settings,
        database=database,
        epochs=epochs,
        channel=over_redis.channel,
        keys=keys,
        access_tokens=access_tokens,
        callers=Callers(access_tokens),
        store=store,
        second_level=over_redis.second_level,
        hashing=PasswordHashing(binding),
        binding=binding,
        room=WaitingRoom(settings.threads, requests),
        overrun=Overrun(headers.origins(settings)),
        limiter=Limiter(settings.policies, dry_run=is_dry_run(settings.limits), shared=over_redis.limits),
        reading=BodyReading(MOST_BODIES),
        reading_strangers=BodyReading(MOST_BODIES),
        receiving=BodyReading(MOST_FILES),
        cursors=Seal(keys, "cursors"),
        refresh_tokens=Seal(keys, "refresh tokens"),
        mail_tokens=Seal(keys, "mail tokens"),
        mailer=_mailer(settings),
        devices=Seal(keys, "devices"),
        unsubscribing=Seal(keys, "unsubscribing"),
        downloads=Seal(keys, "downloads"),
        files=store_of(settings),
        seen=Seal(keys, "consistency"),
        fingerprint_key=keys.derived("fingerprints"),
        kept_answers=Envelope(keys, "kept answers"),
        cells=Cells(),
        requests=requests,
        jobs=Counter(),
        signals=Signals(count, over_redis.calls, f"{keys.name}:signals"),
        timing=ServerTiming(),
    )


def _mailer(settings: Settings) -> Mailer:
    # In production a log is collected and read by many.
    logs_links = settings.env != "production"
    return mailer(
        settings.home / "mail",
        settings.smtp_host,
        settings.sender,
        settings.mail_domain,
        logs_links=logs_links,
    )


@dataclass(frozen=True)
class _OverRedis:
    """What several instances share."""

    calls: RedisCalls | None = None
    channel: Channel | None = None
    second_level: SecondLevel | None = None
    limits: SharedLimits | None = None


def _over_redis(settings: Settings, database: Database, epochs: Epochs, keys: Keys) -> _OverRedis:
    if settings.redis_url is None:
        return _OverRedis()
    calls = RedisCalls(client(settings.redis_url.get_secret_value()))
    connect = partial(direct_connection, settings.direct_url)
    return _OverRedis(
        calls,
        Channel(database, epochs, calls, connect, f"{keys.name}:epochs"),
        SecondLevel(calls, f"{keys.name}:answers", keys.derived("second level")),
        SharedLimits(calls, f"{keys.name}:limits", keys.derived("limits")),
    )
