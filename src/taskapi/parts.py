"""The parts a running process is made of, each chosen once; services are given what they need of them."""

from dataclasses import dataclass
from functools import partial

from taskapi.bodies import BodyReading
from taskapi.callers import Callers
from taskapi.channel import Channel
from taskapi.db import Database
from taskapi.engines import direct_connection
from taskapi.envelopes import Envelope
from taskapi.epoch_map import Epochs
from taskapi.keys import Keys, load_keys
from taskapi.limits import Limiter, is_dry_run
from taskapi.mail import Mailer, mailer
from taskapi.passwords import PasswordHashing
from taskapi.redis_calls import RedisCalls, client
from taskapi.responses import Store
from taskapi.settings import Settings
from taskapi.shared_limits import SharedLimits
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
    hashing: PasswordHashing
    limiter: Limiter
    reading: BodyReading
    cursors: Seal
    refresh_tokens: Seal
    mail_tokens: Seal
    mailer: Mailer
    devices: Seal
    # What clients have seen: Consistency-Token.
    seen: Seal
    # For what tells keyed requests apart.
    fingerprint_key: bytes
    # For answers that hold a secret and are kept for replays.
    kept_answers: Envelope


def assemble(settings: Settings) -> Parts:
    """The parts for these settings; touches no database yet. Raises BadStart where a key cannot be had."""
    database = Database(settings, serves=True)
    keys = load_keys(settings)
    access_tokens = AccessTokens(keys, settings.issuer)
    # On SQLite all writes are this process's own, or noticed; elsewhere a channel tells, where there is one.
    epochs = Epochs(database, remember=settings.is_sqlite)
    return Parts(
        settings=settings,
        database=database,
        epochs=epochs,
        channel=_channel(settings, database, epochs, keys),
        keys=keys,
        access_tokens=access_tokens,
        callers=Callers(access_tokens),
        store=Store(settings.cache_mb << 20),
        hashing=PasswordHashing(),
        limiter=Limiter(
            settings.policies, dry_run=is_dry_run(settings.limits), shared=_shared_limits(settings, keys)
        ),
        reading=BodyReading(settings.threads),
        cursors=Seal(keys, "cursors"),
        refresh_tokens=Seal(keys, "refresh tokens"),
        mail_tokens=Seal(keys, "mail tokens"),
        mailer=mailer(
            settings.home / "mail",
            settings.smtp_host,
            settings.sender,
            settings.mail_domain,
            # In production a log is collected and read by many.
            logs_links=settings.env != "production",
        ),
        devices=Seal(keys, "devices"),
        seen=Seal(keys, "consistency"),
        fingerprint_key=keys.derived("fingerprints"),
        kept_answers=Envelope(keys, "kept answers"),
    )


def _channel(settings: Settings, database: Database, epochs: Epochs, keys: Keys) -> Channel | None:
    if settings.redis_url is None:
        return None
    redis = client(settings.redis_url.get_secret_value())
    connect = partial(direct_connection, settings.direct_url)
    return Channel(database, epochs, redis, connect, f"{_name_in_redis(keys)}:epochs")


def _shared_limits(settings: Settings, keys: Keys) -> SharedLimits | None:
    if settings.redis_url is None:
        return None
    # Its own breaker: a Redis that is full takes messages, and no tries.
    calls = RedisCalls(client(settings.redis_url.get_secret_value()))
    return SharedLimits(calls, f"{_name_in_redis(keys)}:limits", keys.derived("limits"))


def _name_in_redis(keys: Keys) -> str:
    """Others may use the same Redis: what is this service's own is called so."""
    return f"taskapi:{keys.derived('channel').hex()[:16]}"
