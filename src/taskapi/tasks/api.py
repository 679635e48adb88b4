from taskapi.http import Endpoints, actor, if_match, no_content, reply, session, spend
from taskapi.proxies import asked
from taskapi.replies import Reply
from taskapi.tasks import service
from taskapi.tasks.schemas import NewTask, TaskDelete, TaskOut, TaskPatch, TaskPath, WholeTask

endpoints = Endpoints("tasks", __name__, url_prefix="/api/v1/tasks", subject="tasks")


@endpoints.post("", responses={201: TaskOut})
def create_task(body: NewTask) -> Reply:
    """Make a task.

    It goes to the top of the list, or where `position` says.
    """
    headers = spend("create")
    task = service.create(session(), actor(), body)
    location = f"{asked().path}/{task.json['id']}"
    return reply(task.json, 201, etag=task.etag, headers=headers | {"Location": location})


@endpoints.get("/<task_id>", responses={200: TaskOut})
def get_task(path: TaskPath) -> Reply:
    """Show a task."""
    task = service.get(session(), actor(), path.task_id)
    return reply(task.json, etag=task.etag, under=task.under)


@endpoints.put("/<task_id>", responses={200: TaskOut})
def replace_task(path: TaskPath, body: WholeTask) -> Reply:
    """Replace a task.

    What is missing has its default; the place in the list stays.
    """
    task = service.replace(session(), actor(), path.task_id, body, if_match())
    return reply(task.json, etag=task.etag)


@endpoints.patch("/<task_id>", responses={200: TaskOut})
def change_task(path: TaskPath, body: TaskPatch) -> Reply:
    """Change a task.

    A merge patch (RFC 7396): what is absent stays, null clears what can be cleared. An equal value is no
    change.
    """
    task = service.change(session(), actor(), path.task_id, body, if_match())
    return reply(task.json, etag=task.etag)


@endpoints.delete("/<task_id>", responses={204: None})
def delete_task(path: TaskPath, query: TaskDelete) -> Reply:
    """Move a task to the trash, or delete it for good.

    The trash is emptied after 30 days. `permanent=true` also deletes what is in the trash.
    """
    service.delete(session(), actor(), path.task_id, if_match(), query.permanent)
    return no_content()


@endpoints.post("/<task_id>/restore", responses={200: TaskOut})
def restore_task(path: TaskPath) -> Reply:
    """Take a task out of the trash."""
    task = service.restore(session(), actor(), path.task_id)
    return reply(task.json, etag=task.etag)
