"""The application: its parts and its endpoints."""

from flask import Flask
from flask_openapi3.models.info import Info

from taskapi import __version__, docs, headers, health, measuring, openapi, pages, problems
from taskapi.access import finish, require_actor
from taskapi.accounts import api as accounts
from taskapi.admin import api as admin
from taskapi.background import Background
from taskapi.bulk import api as bulk
from taskapi.exports import api as exports
from taskapi.front import put_in_front
from taskapi.handlers import CHORES, FACTS, HANDLERS, LONG, PERIODIC, SOURCES
from taskapi.history import api as history
from taskapi.http import TaskApi
from taskapi.imports import api as imports
from taskapi.labels import api as labels
from taskapi.lists import api as lists
from taskapi.login import api as login
from taskapi.operations import api as operations
from taskapi.parsing import MAX_BODY_BYTES
from taskapi.parts import assemble
from taskapi.personal_tokens import api as personal_tokens
from taskapi.preferences import api as preferences
from taskapi.profile import api as profile
from taskapi.projects import api as projects
from taskapi.sessions import api as sessions
from taskapi.sessions.service import authenticate
from taskapi.settings import Settings
from taskapi.stats import api as stats
from taskapi.tasks import api as tasks
from taskapi.without_flask import WithoutFlask


def create_app(settings: Settings) -> Flask:
    """The application, its parts and its endpoints: the table of contents.

    Touches no database and starts no thread; `app.extensions["taskapi_background"]` does, where it is served.
    """
    parts = assemble(settings)
    app = TaskApi(
        "taskapi",
        info=Info(title="taskapi", version=__version__),
        doc_ui=False,
        validation_error_model=problems.Problem,
        static_folder=None,
    )
    app.extensions["taskapi"] = parts
    app.extensions["taskapi_background"] = Background(parts, HANDLERS, PERIODIC, SOURCES, CHORES, LONG, FACTS)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = True
    headers.register(app, settings)
    measuring.register(app, parts.timing)
    app.before_request(require_actor(authenticate))
    app.after_request(finish)
    problems.register(app)
    for endpoints in (
        health.endpoints,
        openapi.endpoints,
        *([docs.endpoints] if settings.docs == "on" else []),
        login.endpoints,
        sessions.endpoints,
        accounts.endpoints,
        profile.endpoints,
        preferences.endpoints,
        personal_tokens.endpoints,
        lists.endpoints,
        tasks.endpoints,
        bulk.endpoints,
        history.endpoints,
        operations.endpoints,
        projects.endpoints,
        labels.endpoints,
        stats.endpoints,
        exports.endpoints,
        imports.endpoints,
        admin.endpoints,
    ):
        app.register_api(endpoints)
    pages.register(app, settings.cdn_url)
    put_in_front(app, parts, WithoutFlask(app, parts, authenticate).answer)
    return app
