"""Grafana's dashboards as code: what each panel asks Prometheus, as deploy/observability/grafana has it.

    python tools/dashboards.py

A test runs each query against a real Prometheus, and holds the files against this.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).parent.parent / "deploy" / "observability" / "grafana" / "dashboards"
# Of Grafana's schema; it brings older ones up to its own.
_SCHEMA_VERSION = 39
_COLUMNS = 24
_SOURCE = {"type": "prometheus", "uid": "prometheus"}
_REAL = 'endpoint!~"/livez|/readyz|/health"'


@dataclass(frozen=True)
class Query:
    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A picture of some queries; `says` is what a reader is to see in it."""

    title: str
    says: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 8
    is_stacked: bool = False


@dataclass(frozen=True)
class Dashboard:
    name: str
    title: str
    panels: Sequence[Panel]


def stat(title: str, says: str, expr: str, unit: str = "short") -> Panel:
    return Panel(title, says, (Query(expr),), unit, "stat", width=4)


OVERVIEW = Dashboard(
    "overview",
    "taskapi: overview",
    (
        stat("Requests a second", "How much there is to do.", "taskapi:requests:rate5m", "reqps"),
        stat(
            "Errors",
            "Answered with 5xx; one in a thousand is the budget.",
            "taskapi:errors:ratio5m",
            "percentunit",
        ),
        stat("95 of 100 within", "How long people wait.", "taskapi:duration:p95_5m", "s"),
        stat(
            "From memory", "Share of reads that no query was made for.", "taskapi:hits:ratio5m", "percentunit"
        ),
        stat("Instances", "How many answer requests.", "count(api_requests_in_flight)"),
        stat(
            "Budget left this month",
            "Of the errors that 99.9 % allow in 30 days, going by the last three.",
            "1 - taskapi:errors:ratio3d / 0.001",
            "percentunit",
        ),
        Panel(
            "Requests by route",
            "What is asked for.",
            (
                Query(
                    "topk(10, sum by (method, endpoint) (rate(api_requests_total[5m])))",
                    "{{method}} {{endpoint}}",
                ),
            ),
            "reqps",
            width=12,
            is_stacked=True,
        ),
        Panel(
            "How long they take",
            "Half, 95 and 99 of a hundred are faster.",
            (
                Query("taskapi:duration:p50_5m", "half"),
                Query("taskapi:duration:p95_5m", "95 of 100"),
                Query("taskapi:duration:p99_5m", "99 of 100"),
            ),
            "s",
            width=12,
        ),
        Panel(
            "Errors by route and status",
            "Refusals (4xx) are the callers', failures (5xx) are ours.",
            (
                Query(
                    "topk(10, sum by (endpoint, status) "
                    f'(rate(api_requests_total{{{_REAL}, status=~"[45].."}}[5m])))',
                    "{{status}} {{endpoint}}",
                ),
            ),
            "reqps",
        ),
        Panel(
            "Slowest routes",
            "Where 95 of 100 wait longest.",
            (
                Query(
                    "topk(10, histogram_quantile(0.95, sum by (le, method, endpoint) "
                    "(rate(api_request_duration_seconds_bucket[5m]))))",
                    "{{method}} {{endpoint}}",
                ),
            ),
            "s",
        ),
        Panel(
            "Being answered",
            "How many are waited for; near the number of threads it is full.",
            (Query("sum by (instance) (api_requests_in_flight)", "{{instance}}"),),
        ),
        Panel(
            "CPU",
            "Cores that the processes of each use; one is all a process can.",
            (Query("rate(taskapi_processor_seconds_total[5m])", "{{instance}}"),),
        ),
        Panel(
            "Memory",
            "What the processes of each hold.",
            (Query("taskapi_memory_bytes", "{{instance}}"),),
            "bytes",
        ),
        Panel(
            "Bytes sent",
            "Bodies of answers, compressed.",
            (Query("sum(rate(api_response_bytes_total[5m]))", "bytes"),),
            "Bps",
        ),
    ),
)

DATABASE = Dashboard(
    "database",
    "taskapi: database",
    (
        stat("Primary answers", "1 while it does.", "max(taskapi_database_up)"),
        stat(
            "Statements a second", "Asked of the primary.", "sum(rate(taskapi_database_statements_total[5m]))"
        ),
        stat(
            "A statement takes",
            "The mean, as requests see it.",
            "sum(rate(taskapi_database_seconds_total[5m])) "
            "/ sum(rate(taskapi_database_statements_total[5m]))",
            "s",
        ),
        Panel(
            "Statements",
            "Asked of the primary by each instance.",
            (Query("sum by (instance) (rate(taskapi_database_statements_total[5m]))", "{{instance}}"),),
            width=12,
        ),
        Panel(
            "Seconds for a statement",
            "The mean; it rises where the database, or the way to it, is slow.",
            (
                Query(
                    "sum by (instance) (rate(taskapi_database_seconds_total[5m])) "
                    "/ sum by (instance) (rate(taskapi_database_statements_total[5m]))",
                    "{{instance}}",
                ),
            ),
            "s",
            width=12,
        ),
        Panel(
            "Connections",
            "Used, open and unused, and the most there may be.",
            (Query("sum by (state) (taskapi_database_connections)", "{{state}}"),),
            width=12,
        ),
        Panel(
            "Where reads are answered",
            "By replicas or the primary; and replicas that were passed over.",
            (Query("sum by (outcome) (rate(taskapi_replica_reads_total[5m]))", "{{outcome}}"),),
            "reqps",
            width=12,
            is_stacked=True,
        ),
        Panel(
            "Replicas",
            "Those that follow, and those that do not.",
            (Query("min by (state) (taskapi_replicas)", "{{state}}"),),
            width=12,
        ),
    ),
)

CACHE = Dashboard(
    "cache-and-limits",
    "taskapi: memory and limits",
    (
        stat(
            "From memory", "Share of reads that no query was made for.", "taskapi:hits:ratio5m", "percentunit"
        ),
        stat("Memory used", "By answers that are kept.", "sum(taskapi_cache_bytes)", "bytes"),
        stat(
            "Behind", "Longest that an instance has heard nothing.", "max(taskapi_epochs_behind_seconds)", "s"
        ),
        Panel(
            "Answers to reads",
            "From memory, made, never kept; and those thrown out to make room.",
            (Query("sum by (outcome) (rate(taskapi_cache_answers_total[5m]))", "{{outcome}}"),),
            "reqps",
            width=12,
            is_stacked=True,
        ),
        Panel(
            "What is known",
            "Epochs that instances remember.",
            (Query("sum by (instance) (taskapi_epochs_known)", "{{instance}}"),),
            width=12,
        ),
        Panel(
            "Hearing of others",
            "How long ago that was proved; above a second the database is asked.",
            (Query("max by (instance) (taskapi_epochs_behind_seconds)", "{{instance}}"),),
            "s",
        ),
        Panel(
            "Refused by limits",
            "By the limit that refused.",
            (Query("sum by (policy) (rate(taskapi_limited_total[5m]))", "{{policy}}"),),
            "reqps",
        ),
        Panel(
            "Passwords",
            "How many are hashed or wait; from ten on people are told to come back.",
            (Query("sum by (instance) (taskapi_passwords_waiting)", "{{instance}}"),),
        ),
    ),
)

JOBS = Dashboard(
    "jobs",
    "taskapi: background jobs",
    (
        stat("Due", "Not begun yet.", 'max(taskapi_outbox_jobs{state="due"})'),
        stat("The oldest waits", "Since it was due.", "max(taskapi_outbox_oldest_seconds)", "s"),
        stat("Given up", "Somebody has to look at them.", 'max(taskapi_outbox_jobs{state="parked"})'),
        Panel(
            "The outbox",
            "What is due, being done, waiting for its time, and parked.",
            (Query("max by (state) (taskapi_outbox_jobs)", "{{state}}"),),
            width=12,
            is_stacked=True,
        ),
        Panel(
            "Done",
            "By kind.",
            (Query('sum by (kind) (rate(taskapi_jobs_total{outcome="done"}[5m]))', "{{kind}}"),),
            "ops",
            width=12,
        ),
        Panel(
            "Failed and given up",
            "By kind; what failed is tried again.",
            (
                Query(
                    'sum by (kind, outcome) (rate(taskapi_jobs_total{outcome!="done"}[5m]))',
                    "{{outcome}} {{kind}}",
                ),
            ),
            "ops",
            width=12,
        ),
        Panel(
            "The oldest that is due",
            "How late jobs begin.",
            (Query("max(taskapi_outbox_oldest_seconds)", "seconds"),),
            "s",
            width=12,
        ),
    ),
)

PRODUCT = Dashboard(
    "product",
    "taskapi: product",
    (
        stat("Accounts", "All there are.", 'max(taskapi_users{kind="total"})'),
        stat("Here today", "People who were here within a day.", 'max(taskapi_active_users{within="day"})'),
        stat("Here this month", "Within 30 days.", 'max(taskapi_active_users{within="month"})'),
        Panel(
            "People",
            "Who was here within a day, a week, 30 days.",
            (Query("max by (within) (taskapi_active_users)", "{{within}}"),),
            width=12,
        ),
        Panel(
            "Accounts",
            "All, and those not verified, disabled, going.",
            (Query("max by (kind) (taskapi_users)", "{{kind}}"),),
            width=12,
        ),
        Panel(
            "Sign-ups",
            "Registrations an hour.",
            (
                Query(
                    'sum(increase(api_requests_total{endpoint="/api/v1/auth/register", status="202"}[1h]))',
                    "registered",
                ),
            ),
            width=12,
        ),
        Panel(
            "Log-ins",
            "By how they ended, an hour.",
            (Query("sum by (outcome) (increase(taskapi_logins_total[1h]))", "{{outcome}}"),),
            width=12,
        ),
        Panel(
            "Tasks made",
            "One by one, an hour.",
            (
                Query(
                    "sum(increase(api_requests_total"
                    '{method="POST", endpoint="/api/v1/tasks", status="201"}[1h]))',
                    "made",
                ),
            ),
            width=12,
        ),
        Panel(
            "Tasks changed and removed",
            "By how, an hour.",
            (
                Query(
                    "sum by (method) (increase(api_requests_total"
                    '{method=~"PUT|PATCH|DELETE", endpoint="/api/v1/tasks/<task_id>", status=~"2.."}[1h]))',
                    "{{method}}",
                ),
            ),
            width=12,
        ),
    ),
)

DASHBOARDS = (OVERVIEW, DATABASE, CACHE, JOBS, PRODUCT)


def _placed(panels: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    """Panels from left to right, as many in a row as fit."""
    x = y = height = 0
    for number, panel in enumerate(panels, start=1):
        own = 4 if panel.kind == "stat" else 8
        if x + panel.width > _COLUMNS or (x and own != height):
            x, y = 0, y + height
        height = own
        yield _drawn(panel, number, {"x": x, "y": y, "w": panel.width, "h": own})
        x += panel.width


def _drawn(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    custom: dict[str, Any] = {"fillOpacity": 10, "showPoints": "never"}
    if panel.is_stacked:
        custom |= {"stacking": {"mode": "normal"}, "fillOpacity": 30}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": _SOURCE,
        "gridPos": place,
        "targets": [
            {
                "refId": chr(ord("A") + place_of),
                "datasource": _SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend,
            }
            for place_of, query in enumerate(panel.queries)
        ],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                **({"custom": custom} if panel.kind == "timeseries" else {}),
            },
            "overrides": [],
        },
        "options": (
            {
                "tooltip": {"mode": "multi", "sort": "desc"},
                "legend": {"displayMode": "list", "placement": "bottom"},
            }
            if panel.kind == "timeseries"
            else {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "none", "graphMode": "area"}
        ),
    }


def drawn(dashboard: Dashboard) -> dict[str, Any]:
    """A dashboard as Grafana reads it."""
    return {
        "uid": f"taskapi-{dashboard.name}",
        "title": dashboard.title,
        "tags": ["taskapi"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": False,
        "refresh": "15s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "links": [{"type": "dashboards", "tags": ["taskapi"], "title": "taskapi", "asDropdown": True}],
        "panels": list(_placed(dashboard.panels)),
    }


def text_of(dashboard: Dashboard) -> str:
    return json.dumps(drawn(dashboard), indent=2) + "\n"


def main() -> None:
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.name}.json").write_text(text_of(dashboard))


if __name__ == "__main__":
    main()
