"""The specification's "after", tier 2: what its sketches show, put together, over `tables.py`'s tables.

Flask-SQLAlchemy entities with an index on the owner and pages, QueuePool with its numbers, Flask-Caching in
Redis for 300 seconds, PyJWT's check of an HS256 token, served by `gunicorn -w 4`. An answer is kept by who
asks and what for, as it could not be used otherwise; what was changed meanwhile is shown as it was, as in the
sketch. Its limits (100 tasks an hour) are left out.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from flask import Flask, g, jsonify, request
from flask_caching import Cache
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.dialects.postgresql import JSONB, UUID

from bench.peers.identity import Answer, with_identity

KEPT_SECONDS = 300

db = SQLAlchemy()
cache = Cache()


def _now() -> datetime:
    return datetime.now(UTC)


class User(db.Model):  # type: ignore[name-defined]  # mypy does not look into its package
    __tablename__ = "users"
    __table_args__ = {"schema": "peers"}  # noqa: RUF012 - SQLAlchemy reads it once

    id = db.Column(UUID(as_uuid=False), primary_key=True)
    email = db.Column(db.Text)
    name = db.Column(db.Text)
    role = db.Column(db.Text)


class Task(db.Model):  # type: ignore[name-defined]  # as above
    __tablename__ = "tasks"
    __table_args__ = {"schema": "peers"}  # noqa: RUF012 - as above

    id = db.Column(UUID(as_uuid=False), primary_key=True, default=lambda: str(uuid4()))
    user_id = db.Column(UUID(as_uuid=False))
    project_id = db.Column(UUID(as_uuid=False))
    title = db.Column(db.Text)
    description = db.Column(db.Text, default="")
    status = db.Column(db.Text, default="todo")
    priority = db.Column(db.Text, default="none")
    labels = db.Column(JSONB, default=list)
    due_at = db.Column(db.DateTime(timezone=True))
    due_on = db.Column(db.Text)
    remind_at = db.Column(db.DateTime(timezone=True))
    position = db.Column(db.Text, default="V")
    completed_at = db.Column(db.DateTime(timezone=True))
    trashed_at = db.Column(db.DateTime(timezone=True))
    created_at = db.Column(db.DateTime(timezone=True), default=_now)
    updated_at = db.Column(db.DateTime(timezone=True), default=_now)
    version = db.Column(db.Integer, default=1)

    def to_dict(self) -> dict[str, Any]:
        names = [column.name for column in self.__table__.columns if column.name != "user_id"]
        return {name: _told(getattr(self, name)) for name in names}


def create_app(database_url: str, redis_url: str, secret: str) -> Flask:
    app = Flask("after")
    app.config |= {
        "SQLALCHEMY_DATABASE_URI": database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_size": 10,
            "max_overflow": 20,
            "pool_pre_ping": True,
            "pool_recycle": 3600,
        },
        "SECRET_KEY": secret,
        "CACHE_TYPE": "RedisCache",
        "CACHE_REDIS_URL": redis_url,
        "CACHE_KEY_PREFIX": "after:",
    }
    db.init_app(app)
    cache.init_app(app)
    _add_tasks(app)

    @app.get("/api/v1/stats")
    @with_identity
    @cache.cached(timeout=KEPT_SECONDS, make_cache_key=_key)
    def get_stats() -> Answer:
        found = db.session.query(Task.status, db.func.count()).filter_by(user_id=g.identity["sub"])
        return jsonify(dict(found.group_by(Task.status).all())), 200

    @app.get("/api/v1/me")
    @with_identity
    @cache.cached(timeout=KEPT_SECONDS, make_cache_key=_key)
    def get_me() -> Answer:
        user = User.query.filter_by(id=g.identity["sub"]).first_or_404()
        return jsonify({"id": user.id, "email": user.email, "name": user.name, "role": user.role}), 200

    return app


def _add_tasks(app: Flask) -> None:
    @app.get("/api/v1/tasks")
    @with_identity
    @cache.cached(timeout=KEPT_SECONDS, make_cache_key=_key)
    def get_tasks() -> Answer:
        wanted = Task.query.filter_by(user_id=g.identity["sub"], trashed_at=None)
        if "status" in request.args:
            wanted = wanted.filter_by(status=request.args["status"])
        page = wanted.order_by(Task.created_at.desc(), Task.id.desc()).paginate(
            page=request.args.get("page", 1, int), per_page=request.args.get("limit", 20, int), count=False
        )
        return jsonify({"items": [task.to_dict() for task in page.items], "next_cursor": None}), 200

    @app.get("/api/v1/tasks/<task_id>")
    @with_identity
    @cache.cached(timeout=KEPT_SECONDS, make_cache_key=_key)
    def get_task(task_id: str) -> Answer:
        return jsonify(_one(task_id).to_dict()), 200

    @app.post("/api/v1/tasks")
    @with_identity
    def create_task() -> Answer:
        task = Task(user_id=g.identity["sub"], **request.get_json())
        db.session.add(task)
        db.session.commit()
        return jsonify(task.to_dict()), 201

    @app.patch("/api/v1/tasks/<task_id>")
    @with_identity
    def change_task(task_id: str) -> Answer:
        task = _one(task_id)
        for name, value in request.get_json().items():
            setattr(task, name, value)
        task.version += 1
        db.session.commit()
        return jsonify(task.to_dict()), 200


def _one(task_id: str) -> Any:
    return Task.query.filter_by(user_id=g.identity["sub"], id=task_id).first_or_404()


def _key(*_: Any, **__: Any) -> str:
    return f"{g.identity['sub']} {request.full_path}"


def _told(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
