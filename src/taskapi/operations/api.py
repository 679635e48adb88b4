from taskapi.http import Endpoints, actor, reply, writing
from taskapi.operations import service
from taskapi.operations.schemas import Operation, OperationQuery
from taskapi.replies import Reply
from taskapi.scopes import TASKS_WRITE, asks_for

endpoints = Endpoints("operations", __name__, url_prefix="/api/v1/operations")


@endpoints.get("", responses={200: Operation})
@asks_for(TASKS_WRITE)  # "not_applied" takes the key away from whoever writes.
def get_operation(query: OperationQuery) -> Reply:
    """Find out what became of a request whose answer was lost.

    `not_applied` is final: a request that comes with that key later is refused.
    """
    with writing() as session:
        return reply(service.find(session, actor(), query.key))
