"""What keeps a command of the terminal client from its end, with the exit code that scripts go by."""

import json
from collections.abc import Mapping
from typing import Any

import click

from taskapi.terminal.showing import clean, escaped

REFUSED = 1
SETUP = 2
UNREACHABLE = 3


class Trouble(Exception):
    """Printed as a line with its mend, or with --json as the problem that it is (RFC 9457)."""

    def __init__(
        self, exit_code: int, code: str, detail: str, problem: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.exit_code = exit_code
        self.detail = detail
        self.problem = problem or {"type": "about:blank", "title": "Not done", "detail": detail, "code": code}

    def tell(self, as_json: bool) -> None:
        if as_json:
            click.echo(escaped(json.dumps(self.problem, ensure_ascii=False)), err=True)
            return
        click.echo(f"taskapi: {clean(self.detail)}", err=True)
        for fault in self.problem.get("errors", []):
            click.echo(clean(f"  {fault.get('pointer', '')}: {fault.get('detail', '')}"), err=True)


class Command(click.Command):
    """A command whose troubles are told in the form that was asked for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        as_json = "--json" in args
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if not as_json:
                raise
            Trouble(SETUP, "bad_usage", error.format_message()).tell(as_json=True)
            ctx.exit(SETUP)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Trouble as trouble:
            trouble.tell(as_json=bool(ctx.params.get("as_json")))
            ctx.exit(trouble.exit_code)


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, and problems as JSON on stderr."
)
