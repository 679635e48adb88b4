from taskapi.http import Endpoints, actor, reply, reply_list, session
from taskapi.labels import service
from taskapi.labels.schemas import LabelRename, Labels, Renamed
from taskapi.replies import Reply

endpoints = Endpoints("labels", __name__, url_prefix="/api/v1/labels", subject="tasks")


@endpoints.get("", responses={200: Labels})
def list_labels() -> Reply:
    """List the labels in use, with how many tasks have each."""
    return reply_list(*service.list_labels(session(), actor()))


@endpoints.post("/rename", responses={200: Renamed})
def rename_label(body: LabelRename) -> Reply:
    """Rename a label on all tasks.

    Where a task has both, they become one.
    """
    return reply(service.rename(session(), actor(), body))
