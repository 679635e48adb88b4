"""What an application can be asked for, and by which routes."""

from collections.abc import Iterator

from flask import Flask

from taskapi.responses import RULES


def operations_of(flask: Flask) -> Iterator[tuple[str, str]]:
    """The method and the route of everything that can be asked for."""
    for rule in flask.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule.rule


def routes_of(flask: Flask) -> dict[str, str]:
    """For each path with a rule the route that the application has for it."""
    routes = flask.url_map.bind("")
    return {
        path: routes.match(f"/api/v1/{path.replace('*', 'x')}", return_rule=True)[0].rule for path in RULES
    }
