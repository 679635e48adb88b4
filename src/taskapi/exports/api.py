from flask import Response

from taskapi.exports import service
from taskapi.exports.schemas import ExportList, ExportOut, ExportPath, FileQuery, NewExport
from taskapi.formats.writing import WRITERS
from taskapi.http import (
    Endpoints,
    actor,
    no_content,
    parts,
    public,
    reading,
    refuses,
    reply,
    session,
    spend,
)
from taskapi.replies import Reply
from taskapi.scopes import TASKS_READ, asks_for

endpoints = Endpoints("exports", __name__, subject="tasks")


@endpoints.post("/api/v1/exports", responses={202: ExportOut})
@asks_for(TASKS_READ)
@refuses(service.TooManyExports)
def ask_for_export(body: NewExport) -> Reply:
    """Ask for a file of all tasks.

    It is made in the background, from one moment of the database, and kept for a day. As JSON it has projects
    and the trash as well, and can be imported again.
    """
    headers = spend("export")
    made = service.ask(parts(), session(), actor(), body)
    return reply(made, 202, headers=headers | {"Location": f"/api/v1/exports/{made['id']}"})


@endpoints.get("/api/v1/exports", responses={200: ExportList})
def list_exports() -> Reply:
    """List the newest exports."""
    return reply({"items": service.newest(parts(), reading(), actor())})


@endpoints.get("/api/v1/exports/<export_id>", responses={200: ExportOut})
def get_export(path: ExportPath) -> Reply:
    """Show how an export is coming along.

    Once it is done `url` leads to the file, for a day and without a token of its own.
    """
    return reply(service.get(parts(), reading(), actor(), path.export_id))


@endpoints.delete("/api/v1/exports/<export_id>", responses={204: None})
@asks_for(TASKS_READ)
def delete_export(path: ExportPath) -> Reply:
    """Delete an export and its file."""
    service.delete(session(), actor(), path.export_id)
    return no_content()


@endpoints.get("/download/<export_id>")
@public
def get_file(path: ExportPath, query: FileQuery) -> Response:
    """The file itself, for whoever has its link."""
    row, content = service.fetch(parts(), reading(), path.export_id, query.token)
    answer = Response(content, mimetype=WRITERS[row.format].kind, direct_passthrough=True)
    answer.content_length = row.size
    answer.headers["Content-Disposition"] = f'attachment; filename="{service.file_name(row)}"'
    # A page of ours it is not, whatever is in it.
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
