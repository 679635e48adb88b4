"""The specification's "before": what its sketches show, put together.

Flask-SQLAlchemy entities, no index on the owner, a list without pages, PyJWT's check of an HS256 token on
each request, `jsonify`; served as it says, by `gunicorn -w 4`.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import jwt
from flask import Flask, g, jsonify, request
from flask_sqlalchemy import SQLAlchemy

from bench.peers.identity import Answer, with_identity

db = SQLAlchemy()


class Task(db.Model):  # type: ignore[name-defined]  # mypy does not look into its package
    id = db.Column(db.String(36), primary_key=True)
    user_id = db.Column(db.String(36), nullable=False)
    title = db.Column(db.String(200), nullable=False)
    description = db.Column(db.Text, nullable=False, default="")
    status = db.Column(db.String(16), nullable=False, default="todo")
    priority = db.Column(db.String(16), nullable=False, default="none")
    due_at = db.Column(db.DateTime)
    due_on = db.Column(db.String(10))
    labels = db.Column(db.JSON, nullable=False, default=list)
    project_id = db.Column(db.String(36))
    position = db.Column(db.String(32), nullable=False, default="")
    completed_at = db.Column(db.DateTime)
    trashed_at = db.Column(db.DateTime)
    created_at = db.Column(db.DateTime, nullable=False, default=lambda: datetime.now(UTC))
    updated_at = db.Column(db.DateTime, nullable=False, default=lambda: datetime.now(UTC))
    version = db.Column(db.Integer, nullable=False, default=1)

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "status": self.status,
            "priority": self.priority,
            "due_at": _told(self.due_at),
            "due_on": self.due_on,
            "labels": self.labels,
            "project_id": self.project_id,
            "position": self.position,
            "completed_at": _told(self.completed_at),
            "trashed_at": _told(self.trashed_at),
            "created_at": _told(self.created_at),
            "updated_at": _told(self.updated_at),
            "version": self.version,
        }


def create_app(database_url: str, secret: str) -> Flask:
    app = Flask("before")
    app.config |= {"SQLALCHEMY_DATABASE_URI": database_url, "SECRET_KEY": secret}
    db.init_app(app)

    @app.get("/api/v1/tasks")
    @with_identity
    def get_tasks() -> Answer:
        tasks = Task.query.filter_by(user_id=g.identity["id"]).all()
        return jsonify([task.to_dict() for task in tasks]), 200

    @app.get("/api/v1/tasks/<task_id>")
    @with_identity
    def get_task(task_id: str) -> Answer:
        task = Task.query.filter_by(user_id=g.identity["id"], id=task_id).first_or_404()
        return jsonify(task.to_dict()), 200

    @app.post("/api/v1/tasks")
    @with_identity
    def create_task() -> Answer:
        task = Task(id=str(uuid4()), user_id=g.identity["id"], **request.get_json())
        db.session.add(task)
        db.session.commit()
        return jsonify(task.to_dict()), 201

    return app


def keep(database_url: str, secret: str, owned: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """Make the database with these tasks of these users; a token for each user."""
    with create_app(database_url, secret).app_context():
        db.create_all()
        for user_id, tasks in owned.items():
            db.session.add_all(Task(user_id=user_id, **_columns(task)) for task in tasks)
        db.session.commit()
        db.engine.dispose()
    return {user_id: jwt.encode({"id": user_id}, secret, "HS256") for user_id in owned}


def _columns(task: dict[str, Any]) -> dict[str, Any]:
    """An answer of ours as columns: instants are read."""
    return {
        name: datetime.fromisoformat(value).replace(tzinfo=None) if name.endswith("_at") and value else value
        for name, value in task.items()
    }


def _told(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds") + "Z"
