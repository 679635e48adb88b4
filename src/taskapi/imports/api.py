from taskapi.http import Endpoints, actor, parts, reading, refuses, reply, session, spend, upload, uploaded
from taskapi.imports import service
from taskapi.imports.schemas import ImportList, ImportOut, ImportPath, ImportQuery
from taskapi.replies import Reply

endpoints = Endpoints("imports", __name__, url_prefix="/api/v1/imports", subject="tasks")


@endpoints.post("", responses={202: ImportOut})
@refuses(service.TooManyImports)
@upload
def import_file(query: ImportQuery) -> Reply:
    """Take over the tasks of a file, which is the body.

    `json` is what an export gives or an array of tasks, `csv` a table with a line of names, `todoist` is
    Todoist's CSV, `ics` a calendar. It is examined in the background first; with `dry_run=true` that is all.
    """
    headers = spend("import")
    made = service.receive(parts(), session(), actor(), query, uploaded())
    return reply(made, 202, headers=headers | {"Location": f"/api/v1/imports/{made['id']}"})


@endpoints.get("", responses={200: ImportList})
def list_imports() -> Reply:
    """List the newest imports."""
    return reply({"items": service.newest(reading(), actor())})


@endpoints.get("/<import_id>", responses={200: ImportOut})
def get_import(path: ImportPath) -> Reply:
    """Show how an import is coming along, or what a dry run found."""
    return reply(service.get(reading(), actor(), path.import_id))
