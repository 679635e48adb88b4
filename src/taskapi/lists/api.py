from taskapi.http import Endpoints, actor, parts, reply_list, session
from taskapi.lists import service
from taskapi.lists.schemas import TaskList, TaskPage
from taskapi.replies import Reply

endpoints = Endpoints("lists", __name__, url_prefix="/api/v1/tasks", subject="tasks")


@endpoints.get("", responses={200: TaskPage})
def list_tasks(query: TaskList) -> Reply:
    """List tasks.

    Filters narrow it, each further one more. A page says where the next begins: hand its `next_cursor` in
    as `cursor`, with the same filters and sort. While walking, every task that keeps its sort key appears
    exactly once.
    """
    return reply_list(*service.search(session(), actor(), parts().cursors, query))
