"""Where settings come from, which source wins, and that nobody else reads the environment."""

import ast
import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from taskapi.errors import BadStart
from taskapi.mail import Sender
from taskapi.settings import Settings, load_settings, secret_names
from tests.servers import clean_environment

SOURCE = Path(__file__).parent.parent / "src" / "taskapi"
# A value that each secret accepts.
VALUES = {
    "DATABASE_URL": "postgresql://u:p@h/{}",
    "REDIS_URL": "redis://h/{}",
    "TASKAPI_SECRET_KEY": "{}" * 40,
    "SMTP_URL": "smtp://h{}",
}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)


def value(name: str, mark: int) -> str:
    return VALUES.get(name, "value {}").replace("{}", str(mark))


def read(name: str) -> str | None:
    """The setting in force, or None; other secrets are given where a combination needs them."""
    others = {
        "DATABASE_URL": value("DATABASE_URL", 0),
        "TASKAPI_SIGNING_KEY": "any",
        "TASKAPI_SECRET_KEY": value("TASKAPI_SECRET_KEY", 0),
        "TASKAPI_ADMIN_EMAIL": "a@example.test",
        "TASKAPI_ADMIN_PASSWORD": "any",
    }
    settings = load_settings(**{key: given for key, given in others.items() if key != name})
    (field,) = (key for key, info in Settings.model_fields.items() if info.alias == name)
    secret = getattr(settings, field)
    return None if secret is None else str(secret.get_secret_value())


def test_every_secret_may_be_given_by_file() -> None:
    secret = {info.alias for info in Settings.model_fields.values() if "SecretStr" in str(info.annotation)}
    assert set(secret_names()) == secret


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", *VALUES, "TASKAPI_SIGNING_KEY"])
def test_a_named_file_goes_before_the_environment_and_that_before_the_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / name.lower()).write_text(f"{value(name, 1)}\n")
    monkeypatch.setenv("TASKAPI_SECRETS_DIR", str(folder))
    assert read(name) == value(name, 1)
    monkeypatch.setenv(name, value(name, 2))
    assert read(name) == value(name, 2)
    (tmp_path / "file").write_text(f"{value(name, 3)}\n")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "file"))
    assert read(name) == value(name, 3)


@pytest.mark.parametrize("name", ["smtp_url", "s3_url"])
def test_an_empty_file_in_the_folder_is_none_and_a_named_one_a_fault(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_text("\n")
    monkeypatch.setenv("TASKAPI_SECRETS_DIR", str(tmp_path))
    assert getattr(load_settings(), name) is None
    monkeypatch.setenv(f"{name.upper()}_FILE", str(tmp_path / name))
    with pytest.raises(BadStart, match=f"^{name.upper()}: "):
        load_settings()


def test_a_secret_file_that_is_not_text_is_refused_without_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_bytes(b"sesame\xff" * 10)
    monkeypatch.setenv("TASKAPI_SECRET_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(BadStart, match=r"TASKAPI_SECRET_KEY_FILE.*UTF-8") as refusal:
        load_settings()
    assert "sesame" not in str(refusal.value)


def test_settings_cannot_be_changed_and_do_not_show_secrets() -> None:
    settings = load_settings(TASKAPI_SECRET_KEY="sesame" * 8, DATABASE_URL="postgresql://u:sesame@h/d")
    with pytest.raises(ValidationError, match="frozen"):
        settings.workers = 4  # type: ignore[misc] # the fault itself
    assert "sesame" not in repr(settings)
    assert "sesame" not in str(settings)


def test_mail_is_to_be_verified_where_mail_can_be_sent() -> None:
    assert not load_settings().verify_email
    assert load_settings(SMTP_URL="smtp://h").verify_email
    assert not load_settings(SMTP_URL="smtp://h", TASKAPI_VERIFY_EMAIL="optional").verify_email
    assert load_settings(TASKAPI_VERIFY_EMAIL="required").verify_email


def test_mails_come_from_the_public_host_unless_a_sender_is_named() -> None:
    settings = load_settings(TASKAPI_PUBLIC_URL="https://Tasks.example.com/")
    assert settings.public_url == "https://Tasks.example.com"
    assert settings.sender == Sender("taskapi", "no-reply@tasks.example.com")
    named = load_settings(TASKAPI_MAIL_FROM="Tasks <a@b.example>")
    assert named.sender == Sender("Tasks", "a@b.example")


def test_only_the_settings_and_the_doctor_read_the_environment() -> None:
    readers = {
        str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if _reads_environment(path.read_text())
    }
    assert readers == {"settings.py", "doctor.py"}


def _reads_environment(source: str) -> bool:
    names = {"environ", "environb", "getenv", "getenvb"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names and _is_os(node.value))
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and _names(node) & names)
        for node in ast.walk(ast.parse(source))
    )


def _names(node: ast.ImportFrom) -> set[str]:
    return {one.name for one in node.names}


def _is_os(node: ast.expr) -> bool:
    """A request has a WSGI environ, which is another thing of the same name."""
    return isinstance(node, ast.Name) and node.id == "os"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TASKAPI_THREADS", "x", "must be a whole number"),
        ("TASKAPI_THREADS", "0", "must be at least 2"),
        ("TASKAPI_PREPARED_STATEMENTS", "x", "must be `true` or `false`"),
        ("TASKAPI_ENV", "prod", "must be `development` or `production`"),
        (
            "CELERY_BROKER_URL",
            "kafka://sesame@h",
            "use amqp://USER:PASSWORD@HOST:PORT/VHOST, amqps:// with TLS, or a Redis",
        ),
        (
            "REDIS_JOBS_URL",
            "redis+sentinel://:sesame@h",
            (
                "use redis://USER:PASSWORD@HOST:PORT/NUMBER, rediss:// with TLS, or "
                "redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/SERVICE"
            ),
        ),
        (
            "DATABASE_REPLICA_URLS",
            "postgresql://u:sesame@h/d,sqlite:///x",
            "use postgresql://USER:PASSWORD@HOST:PORT/NAME, with a comma between two",
        ),
    ],
)
def test_a_value_that_cannot_be_read_is_told_with_what_can(name: str, value: str, told: str) -> None:
    with pytest.raises(BadStart) as refused:
        load_settings(**{name: value})
    assert str(refused.value) == f"{name}: {told}"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"REDIS_JOBS_URL": "redis://h"}, "REDIS_URL: a broker is for several processes"),
        ({"DATABASE_REPLICA_URLS": "postgresql://u@h/d"}, "DATABASE_REPLICA_URLS: SQLite has no replicas"),
        (
            {"DATABASE_URL": "postgresql://u@h/d", "REDIS_URL": "rediss+sentinel://h/service"},
            "REDIS_JOBS_URL: Celery asks Sentinels without TLS alone",
        ),
        ({"TASKAPI_WORKERS": "2"}, "TASKAPI_WORKERS: SQLite serves one process"),
    ],
)
def test_a_combination_that_would_break_a_promise_is_refused(settings: dict[str, str], told: str) -> None:
    with pytest.raises(BadStart, match=re.escape(told)):
        load_settings(**settings)
