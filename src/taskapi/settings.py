"""Every knob of the service: one frozen class, built once, documented in docs/settings.md."""

import os
import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

from taskapi.combinations import broken_promises
from taskapi.database_urls import for_sqlalchemy, is_known_engine, parted
from taskapi.errors import BadStart
from taskapi.limits import Policy, policies_from
from taskapi.listening import Address
from taskapi.mail import Sender, domain_of
from taskapi.parsing import told
from taskapi.redis_calls import client
from taskapi.secret_files import secrets_from_files
from taskapi.smtp import SmtpHost
from taskapi.stores.places import S3Place

_SECRETS = (
    *("SECRET_KEY", "SIGNING_KEY", "DATABASE_URL", "DATABASE_DIRECT_URL", "DATABASE_REPLICA_URLS"),
    *("REDIS_URL", "REDIS_JOBS_URL", "CELERY_BROKER_URL", "SMTP_URL", "S3_URL", "ADMIN_PASSWORD"),
)
_BROKERS = ("amqp://", "amqps://", "redis://", "rediss://", "redis+sentinel://", "rediss+sentinel://")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?")
_PUBLIC_URL = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")


class Settings(BaseSettings):
    """Read from the environment; a secret also from `<NAME>_FILE` or a file in TASKAPI_SECRETS_DIR."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    env: Literal["development", "production"] = Field("development", alias="TASKAPI_ENV")
    home: Path = Field(Path("var"), alias="TASKAPI_HOME")
    secrets_dir: Path | None = Field(None, alias="TASKAPI_SECRETS_DIR")
    database_url: SecretStr | None = Field(None, alias="DATABASE_URL")
    database_direct_url: SecretStr | None = Field(None, alias="DATABASE_DIRECT_URL")
    database_replica_urls: SecretStr | None = Field(None, alias="DATABASE_REPLICA_URLS")
    redis_url: SecretStr | None = Field(None, alias="REDIS_URL")
    redis_jobs_url: SecretStr | None = Field(None, alias="REDIS_JOBS_URL")
    celery_broker_url: SecretStr | None = Field(None, alias="CELERY_BROKER_URL")
    smtp_url: SecretStr | None = Field(None, alias="SMTP_URL")
    s3_url: SecretStr | None = Field(None, alias="S3_URL")
    import_mb: int = Field(64, alias="TASKAPI_IMPORT_MB", ge=1, le=4096)
    cdn_url: str | None = Field(None, alias="CDN_URL")
    public_url: str = Field("http://127.0.0.1:5000", alias="TASKAPI_PUBLIC_URL")
    mail_from: str | None = Field(None, alias="TASKAPI_MAIL_FROM")
    secret_key: SecretStr | None = Field(None, alias="TASKAPI_SECRET_KEY", min_length=32)
    signing_key: SecretStr | None = Field(None, alias="TASKAPI_SIGNING_KEY")
    issuer: str = Field("taskapi", alias="TASKAPI_ISSUER", min_length=1)
    verify_email_choice: Literal["required", "optional"] | None = Field(None, alias="TASKAPI_VERIFY_EMAIL")
    admin_email: str | None = Field(None, alias="TASKAPI_ADMIN_EMAIL")
    admin_password: SecretStr | None = Field(None, alias="TASKAPI_ADMIN_PASSWORD")
    limits: str = Field("", alias="TASKAPI_LIMITS")
    trusted_hops: int = Field(0, alias="TASKAPI_TRUSTED_HOPS", ge=0, le=10)
    workers: int = Field(1, alias="TASKAPI_WORKERS", ge=1, le=256)
    threads: int = Field(8, alias="TASKAPI_THREADS", ge=2, le=512)
    drain_seconds: float = Field(0, alias="TASKAPI_DRAIN_SECONDS", ge=0, le=15)
    cache_mb: int = Field(64, alias="TASKAPI_CACHE_MB", ge=0, le=65536)
    cors_origins: str = Field("*", alias="TASKAPI_CORS_ORIGINS")
    pool_size: int = Field(10, alias="TASKAPI_POOL_SIZE", ge=1)
    pool_overflow: int = Field(20, alias="TASKAPI_POOL_OVERFLOW", ge=0)
    pool_recycle: int = Field(3600, alias="TASKAPI_POOL_RECYCLE", ge=30)
    prepared_statements: bool = Field(True, alias="TASKAPI_PREPARED_STATEMENTS")
    binding: Literal["on", "off"] = Field("on", alias="TASKAPI_BINDING")
    docs: Literal["on", "off"] = Field("on", alias="TASKAPI_DOCS")
    log_file: Path | Literal["off"] | None = Field(None, alias="TASKAPI_LOG_FILE")
    log_hits: Literal["on", "off"] = Field("off", alias="TASKAPI_LOG_HITS")
    metrics_port: str | None = Field(None, alias="TASKAPI_METRICS_PORT")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", alias="TASKAPI_LOG_LEVEL")

    @field_validator("home", "log_file", "secrets_dir", mode="before")
    @classmethod
    def _named(cls, path: Any) -> Any:
        if path == "":
            raise ValueError("is empty; name a place, or do not set it")
        return path

    @field_validator("log_file", mode="before")
    @classmethod
    def _file_or_none(cls, path: Any) -> Any:
        return path if path == "off" or path is None else Path(path)

    @field_validator("home", "log_file", "secrets_dir", mode="after")
    @classmethod
    def _absolute(cls, path: Path | Literal["off"] | None) -> Path | Literal["off"] | None:
        return path.expanduser().absolute() if isinstance(path, Path) else path

    @field_validator("database_url", "database_direct_url", mode="after")
    @classmethod
    def _known_engine(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not is_known_engine(url.get_secret_value()):
            raise ValueError(
                "use sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME, "
                "in the password %-encoding what is neither letter nor digit"
            )
        return url

    @field_validator("database_replica_urls", mode="after")
    @classmethod
    def _known_replicas(cls, urls: SecretStr | None) -> SecretStr | None:
        if any(not is_known_engine(url) or url.startswith("sqlite") for url in parted(urls)):
            raise ValueError("use postgresql://USER:PASSWORD@HOST:PORT/NAME, with a comma between two")
        return urls

    @field_validator("redis_url", "redis_jobs_url", mode="after")
    @classmethod
    def _readable_redis(cls, url: SecretStr | None) -> SecretStr | None:
        try:
            if url is not None:
                client(url.get_secret_value())
        except ValueError:  # What it says may hold a part of the password.
            raise ValueError(
                "use redis://USER:PASSWORD@HOST:PORT/NUMBER, rediss:// with TLS, or "
                "redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/SERVICE"
            ) from None
        return url

    @field_validator("celery_broker_url", mode="after")
    @classmethod
    def _known_broker(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(_BROKERS):
            raise ValueError("use amqp://USER:PASSWORD@HOST:PORT/VHOST, amqps:// with TLS, or a Redis")
        return url

    @field_validator("smtp_url", mode="after")
    @classmethod
    def _readable_smtp(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            SmtpHost.parse(url.get_secret_value())
        return url

    @field_validator("s3_url", mode="after")
    @classmethod
    def _readable_s3(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            S3Place.parse(url.get_secret_value())
        return url

    @field_validator("public_url", mode="after")
    @classmethod
    def _readable_public_url(cls, url: str) -> str:
        if not _PUBLIC_URL.fullmatch(url.lower()):
            raise ValueError(
                f"{url!r} is no base for links; use https://HOST[:PORT], as people see the service"
            )
        return url.rstrip("/")

    @field_validator("cdn_url", mode="after")
    @classmethod
    def _readable_cdn_url(cls, url: str | None) -> str | None:
        if url is not None and not _PUBLIC_URL.fullmatch(url.lower()):
            raise ValueError(f"{url!r} is no place of files; use https://HOST[:PORT][/PATH]")
        return None if url is None else url.rstrip("/")

    @field_validator("metrics_port", mode="after")
    @classmethod
    def _readable_metrics_port(cls, text: str | None) -> str | None:
        if text is not None:
            Address.parse(text)
        return text

    @field_validator("mail_from", mode="after")
    @classmethod
    def _readable_sender(cls, text: str | None) -> str | None:
        if text is not None:
            Sender.parse(text)
        return text

    @field_validator("cors_origins", mode="after")
    @classmethod
    def _readable_origins(cls, text: str) -> str:
        for origin in (part.strip() for part in text.split(",")):
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is not an origin; use * or https://HOST[:PORT], with no slash at its end"
                )
        return text

    @field_validator("limits", mode="after")
    @classmethod
    def _readable_limits(cls, text: str) -> str:
        policies_from(text)
        return text

    @model_validator(mode="after")
    def _keeps_its_promises(self) -> Self:
        """A combination that would break a promise is refused here, once, with its mend."""
        broken = next(broken_promises(self), None)
        if broken is not None:
            raise ValueError(broken)
        return self

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def url(self) -> str:
        """The database's address in SQLAlchemy's form, with its password."""
        if self.database_url is None:
            return f"sqlite:///{self.home / 'taskapi.db'}"
        return for_sqlalchemy(self.database_url)

    @property
    def direct_url(self) -> str:
        """The same past a pooler, where there is one."""
        return self.url if self.database_direct_url is None else for_sqlalchemy(self.database_direct_url)

    @property
    def replica_urls(self) -> list[str]:
        """The addresses of replicas in SQLAlchemy's form, with their passwords."""
        return [for_sqlalchemy(SecretStr(url)) for url in parted(self.database_replica_urls)]

    @property
    def broker_url(self) -> str | None:
        """Where rings for background jobs go, None where the process that serves does them itself."""
        found = self.celery_broker_url or self.redis_jobs_url or self.redis_url
        return None if found is None else found.get_secret_value()

    @property
    def sqlite_file(self) -> Path | None:
        return Path(make_url(self.url).database or "") if self.is_sqlite else None

    @property
    def log_path(self) -> Path | None:
        """The file of the log, None where it goes to the terminal alone."""
        return None if self.log_file == "off" else self.log_file or self.home / "logs" / "app.log"

    @property
    def has_colours(self) -> bool:
        """Whether a person reads standard output who wants colours (no-color.org)."""
        return os.isatty(1) and not os.environ.get("NO_COLOR")

    @property
    def logs_hits(self) -> bool:
        return self.log_hits == "on"

    @property
    def metrics_address(self) -> Address | None:
        return None if self.metrics_port is None else Address.parse(self.metrics_port)

    @property
    def verify_email(self) -> bool:
        """Whether an account works only after its address was verified."""
        choice = self.verify_email_choice or ("required" if self.smtp_url else "optional")
        return choice == "required"

    @property
    def has_public_url(self) -> bool:
        return "public_url" in self.model_fields_set

    @property
    def mail_domain(self) -> str:
        """Of the service's own mail address and the ids of its mails."""
        return domain_of(self.public_url)

    @property
    def sender(self) -> Sender:
        return Sender.parse(self.mail_from or f"taskapi <no-reply@{self.mail_domain}>")

    @property
    def smtp_host(self) -> SmtpHost | None:
        return None if self.smtp_url is None else SmtpHost.parse(self.smtp_url.get_secret_value())

    @property
    def s3_place(self) -> S3Place | None:
        return None if self.s3_url is None else S3Place.parse(self.s3_url.get_secret_value())

    @property
    def policies(self) -> dict[str, Policy]:
        return policies_from(self.limits)


def load_settings(**changes: Any) -> Settings:
    """The settings of this process.

    Raises BadStart with one line that names the setting and the mend.
    """
    try:
        return Settings(**(secrets_from_files(os.environ, secret_names()) | changes))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        message = told(first)
        raise BadStart(f"{name}: {message}" if name else message) from None


def secret_names() -> list[str]:
    """The settings that may also be given by file."""
    return [
        field.alias
        for field in Settings.model_fields.values()
        if field.alias and field.alias.removeprefix("TASKAPI_") in _SECRETS
    ]
