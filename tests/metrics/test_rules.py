"""Rules, alerts and dashboards are well formed, say when they should, and lead somewhere."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.metrics.prometheus import HERE, RULES, program
from tools.dashboards import DASHBOARDS, FOLDER, Dashboard, text_of

ROOT = Path(__file__).parents[2]
ALERTS = [
    rule for group in yaml.safe_load((RULES / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]


@pytest.mark.parametrize(
    "command",
    [
        ("promtool", "check", "config", "prometheus.yml"),
        ("promtool", "test", "rules", "alerts_test.yml"),
        ("amtool", "check-config", "../alertmanager/alertmanager.yml"),
        ("prometheus-blackbox-exporter", "--config.check", "--config.file=blackbox.yml"),
    ],
    ids=lambda command: " ".join(command[:3]),
)
def test_its_own_tools_find_nothing(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [program(command[0]), *command[1:]], cwd=RULES, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_and_has_a_page_that_names_it() -> None:
    tested = (RULES / "alerts_test.yml").read_text()
    for alert in ALERTS:
        page = ROOT / alert["annotations"]["runbook_url"]
        assert alert["alert"] in page.read_text(), alert["alert"]
        assert alert["alert"] in tested, alert["alert"]
        assert alert["labels"]["severity"] in {"page", "ticket", "none"}
    pages = {Path(alert["annotations"]["runbook_url"]).name for alert in ALERTS}
    assert {page.name for page in (ROOT / "docs" / "runbooks").iterdir()} == pages


def test_prometheus_asks_the_exporters_that_there_are() -> None:
    asked = yaml.safe_load((RULES / "prometheus.yml").read_text())["scrape_configs"]
    (postgresql,) = (one for one in asked if one["job_name"] == "postgresql")
    made: set[str] = set()
    for name in ("compose.observability.yaml", "compose.observability.replicas.yaml"):
        made |= set(yaml.safe_load((HERE / name).read_text())["services"])
    replicas = set(yaml.safe_load((ROOT / "compose.replicas.yaml").read_text())["services"]) - {"api"}
    names = set(postgresql["dns_sd_configs"][0]["names"])
    assert names == {name for name in made if name.startswith("postgres-exporter")}
    assert names == {"postgres-exporter", *(f"postgres-exporter-{replica}" for replica in replicas)}


def test_pages_lead_to_pages_that_are_there() -> None:
    for page in (ROOT / "docs" / "runbooks").iterdir():
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / link).exists(), (page.name, link)
        for named in re.findall(r"docs/[a-z-]+\.md", page.read_text()):
            assert (ROOT / named).exists(), (page.name, named)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
def test_dashboards_are_what_their_code_says(dashboard: Dashboard) -> None:
    path = FOLDER / f"{dashboard.name}.json"
    assert path.read_text() == text_of(dashboard), "run `python tools/dashboards.py`"


def test_no_two_panels_lie_on_each_other() -> None:
    for path in FOLDER.glob("*.json"):
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(path.read_text())["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, (path.name, panel["title"])
            assert max(x for x, _ in cells) < 24
            taken |= cells


@pytest.mark.parametrize("name", ["compose.observability.yaml", "compose.observability.replicas.yaml"])
def test_what_compose_mounts_is_there(name: str) -> None:
    composed = {"secrets": {}} | yaml.safe_load((HERE / name).read_text())
    made = yaml.safe_load((ROOT / "compose.yaml").read_text())
    secrets = {**made["secrets"], **composed["secrets"]}
    for service_name, service in composed["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), (service_name, source)
            elif not source.startswith("/"):
                assert source in composed["volumes"], (service_name, source)
        assert set(service.get("secrets", [])) <= set(secrets), service_name
        assert set(service["networks"]) <= set(made["networks"]), service_name
        for published in service.get("ports", []):
            assert published.startswith("127.0.0.1:"), service_name
    for secret in composed["secrets"].values():
        assert Path(secret["file"]).name in (ROOT / "deploy" / "compose" / "secrets").read_text()
