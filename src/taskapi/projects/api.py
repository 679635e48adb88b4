from taskapi.http import Endpoints, actor, if_match, no_content, parts, reply, reply_list, session
from taskapi.projects import service
from taskapi.projects.schemas import (
    NewProject,
    ProjectDelete,
    ProjectList,
    ProjectOut,
    ProjectPage,
    ProjectPatch,
    ProjectPath,
)
from taskapi.proxies import asked
from taskapi.replies import Reply

endpoints = Endpoints("projects", __name__, url_prefix="/api/v1/projects", subject="tasks")


@endpoints.get("", responses={200: ProjectPage})
def list_projects(query: ProjectList) -> Reply:
    """List projects."""
    return reply_list(*service.list_projects(session(), actor(), parts().cursors, query))


@endpoints.post("", responses={201: ProjectOut})
def create_project(body: NewProject) -> Reply:
    """Make a project."""
    project = service.create(session(), actor(), body)
    location = f"{asked().path}/{project.json['id']}"
    return reply(project.json, 201, etag=project.etag, headers={"Location": location})


@endpoints.get("/<project_id>", responses={200: ProjectOut})
def get_project(path: ProjectPath) -> Reply:
    """Show a project."""
    project = service.get(session(), actor(), path.project_id)
    return reply(project.json, etag=project.etag, under=project.under)


@endpoints.patch("/<project_id>", responses={200: ProjectOut})
def change_project(path: ProjectPath, body: ProjectPatch) -> Reply:
    """Change a project.

    A merge patch (RFC 7396): what is absent stays, null clears the colour.
    """
    project = service.change(session(), actor(), path.project_id, body, if_match())
    return reply(project.json, etag=project.etag)


@endpoints.delete("/<project_id>", responses={204: None})
def delete_project(path: ProjectPath, query: ProjectDelete) -> Reply:
    """Delete a project.

    Where it holds tasks, `tasks` has to say what becomes of them.
    """
    service.delete(session(), actor(), path.project_id, query, if_match())
    return no_content()
