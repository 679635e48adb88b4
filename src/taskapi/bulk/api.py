from typing import Any

from taskapi.bulk import service
from taskapi.bulk.schemas import Bulk, BulkOut
from taskapi.bulk.service import Outcome
from taskapi.errors import NotFound, StaleMatch
from taskapi.http import Endpoints, actor, refuses, reply, session, spend
from taskapi.problems import described
from taskapi.proxies import asked, notes
from taskapi.replies import Reply

endpoints = Endpoints("bulk", __name__, url_prefix="/api/v1/tasks", subject="tasks")


@endpoints.post("/bulk", responses={200: BulkOut})
@refuses(NotFound, StaleMatch)
def change_many_tasks(body: Bulk) -> Reply:
    """Do up to a hundred changes of tasks at once.

    They are done in their order, each as its own call would be; `atomic` does all or none, and then one
    refusal is the answer, its pointer naming the operation. Counts one by one against limits.
    """
    headers = spend("create", body.creates)
    outcomes = service.perform(session(), actor(), body)
    results = [_result(index, outcome) for index, outcome in enumerate(outcomes)]
    return reply({"results": results}, headers=headers)


def _result(index: int, outcome: Outcome) -> dict[str, Any]:
    refusal = outcome.refusal
    body = outcome.task if refusal is None else described(refusal, asked().path, notes().request_id)
    return {"index": index, "status": outcome.status, "body": body}
