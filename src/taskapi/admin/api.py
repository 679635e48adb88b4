from flask import request

from taskapi.admin import service
from taskapi.admin.schemas import (
    Accepted,
    AdminStats,
    AuditList,
    AuditPage,
    JobList,
    JobOut,
    JobPage,
    JobPath,
    Service,
    UserChange,
    UserList,
    UserOut,
    UserPage,
    UserPath,
)
from taskapi.epochs import USERS
from taskapi.etags import tag_by_url
from taskapi.http import Endpoints, actor, if_match, no_content, parts, reply, session
from taskapi.replies import Reply

endpoints = Endpoints("admin", __name__, url_prefix="/api/v1/admin")

_ACCEPTED = Accepted().model_dump()


@endpoints.before_request
def admit_admins_alone() -> None:
    """Before anything of the request is looked at: for others there is nothing here."""
    if request.method != "OPTIONS":
        service.require_admin(parts(), actor())


@endpoints.get("/users", responses={200: UserPage})
def list_users(query: UserList) -> Reply:
    """List and search the users of this instance."""
    page, under = service.list_users(session(), actor(), parts().cursors, query)
    return reply(page, etag=tag_by_url(actor().user_id, request.environ, under), under={USERS: under})


@endpoints.get("/users/<user_id>", responses={200: UserOut})
def get_user(path: UserPath) -> Reply:
    """Look at one user."""
    user = service.get_user(session(), path.user_id)
    return reply(user.json, etag=user.etag, under=user.under)


@endpoints.patch("/users/<user_id>", responses={200: UserOut})
def change_user(path: UserPath, body: UserChange) -> Reply:
    """Change a user's role or name, shut them out or let them in."""
    proved = parts().settings.verify_email
    user = service.change_user(session(), actor(), path.user_id, body, if_match(), only_proved=proved)
    return reply(user.json, etag=user.etag)


@endpoints.post("/users/<user_id>/logout", responses={204: None})
def log_user_out(path: UserPath) -> Reply:
    """End all sessions of a user."""
    service.log_out(session(), actor(), path.user_id)
    return no_content()


@endpoints.post("/users/<user_id>/password-reset", responses={202: Accepted})
def send_password_reset(path: UserPath) -> Reply:
    """Send a user the mail by which they can set a new password."""
    service.send_reset(session(), actor(), path.user_id)
    return reply(_ACCEPTED, 202)


@endpoints.get("/audit", responses={200: AuditPage})
def list_audit(query: AuditList) -> Reply:
    """List what was remembered for good, the newest first."""
    return reply(service.list_audit(session(), actor(), parts().cursors, query))


@endpoints.get("/stats", responses={200: AdminStats})
def get_admin_stats() -> Reply:
    """Count users, tasks and jobs of this instance."""
    return reply(service.count(session()))


@endpoints.get("/service", responses={200: Service})
def get_admin_service() -> Reply:
    """Show how the service did in the last hour.

    How much was asked of it, how that was answered and how fast, in steps of some seconds.
    """
    return reply(service.look_at_last_hour(parts()))


@endpoints.get("/jobs", responses={200: JobPage})
def list_jobs(query: JobList) -> Reply:
    """List the background jobs, the newest first."""
    return reply(service.list_jobs(session(), actor(), parts().cursors, query))


@endpoints.post("/jobs/<job_id>/retry", responses={200: JobOut})
def retry_job(path: JobPath) -> Reply:
    """Have a job done now that was given up or waits."""
    return reply(service.retry_job(session(), actor(), path.job_id))
