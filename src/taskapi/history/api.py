from taskapi.history import service
from taskapi.history.schemas import HistoryList, HistoryPath, TaskHistory
from taskapi.http import Endpoints, actor, parts, reply_list, session
from taskapi.replies import Reply

endpoints = Endpoints("history", __name__, url_prefix="/api/v1/tasks", subject="tasks")


@endpoints.get("/<task_id>/history", responses={200: TaskHistory})
def list_history(path: HistoryPath, query: HistoryList) -> Reply:
    """List what was done to a task, newest first.

    Also of a task in the trash.
    """
    return reply_list(*service.history(session(), actor(), path.task_id, parts().cursors, query))
