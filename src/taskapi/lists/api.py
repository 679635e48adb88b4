from flask import Response

from taskapi.http import Endpoints, actor, parts, reply_list, session
from taskapi.lists import service
from taskapi.lists.schemas import TaskList, TaskPage

endpoints = Endpoints("lists", __name__, url_prefix="/api/v1/tasks", subject="tasks")


@endpoints.get("", responses={200: TaskPage})
def list_tasks(query: TaskList) -> Response:
    return reply_list(*service.search(session(), actor(), parts().cursors, query))
