from typing import Any

from flask import Response

from taskapi.bulk import service
from taskapi.bulk.schemas import Bulk, BulkOut
from taskapi.bulk.service import Outcome
from taskapi.http import Endpoints, actor, reply, session, spend
from taskapi.problems import described

endpoints = Endpoints("bulk", __name__, url_prefix="/api/v1/tasks", subject="tasks")


@endpoints.post("/bulk", responses={200: BulkOut})
def perform_many(body: Bulk) -> Response:
    headers = spend("create", body.creates)
    outcomes = service.perform(session(), actor(), body)
    results = [_result(index, outcome) for index, outcome in enumerate(outcomes)]
    return reply({"results": results}, headers=headers)


def _result(index: int, outcome: Outcome) -> dict[str, Any]:
    body = outcome.task if outcome.refusal is None else described(outcome.refusal)
    return {"index": index, "status": outcome.status, "body": body}
