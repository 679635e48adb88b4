from taskapi.epochs import scope_key
from taskapi.etags import etag_of
from taskapi.http import Endpoints, actor, reply, session
from taskapi.replies import Reply
from taskapi.stats import service
from taskapi.stats.schemas import Stats

endpoints = Endpoints("stats", __name__, url_prefix="/api/v1/stats", subject="tasks")


@endpoints.get("", responses={200: Stats})
def get_stats() -> Reply:
    """Count the caller's tasks.

    `done_per_day` has 30 days, the last of which is today in the caller's time zone.
    """
    counted = service.count(session(), actor())
    # Of one epoch there are as many answers as times at which they end.
    etag = etag_of("stats", actor().user_id, counted.under, counted.until)
    under = {scope_key(actor().scope_id): counted.under}
    return reply(counted.json, etag=etag, under=under, until=counted.until)
