"""Grafana and Prometheus in compose: they get what they are given, and ask what is there."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.programs import program
from tests.unit.infra_files import COMPOSE, ROOT, interpolated

CONFIG = ROOT / "infra" / "prometheus" / "prometheus.yaml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(interpolated((ROOT / COMPOSE).read_text()))["services"]
    return found


def mounted(service: dict[str, Any]) -> dict[str, str]:
    """Folders of the repository by where they stand in the container."""
    binds = [volume.split(":") for volume in service["volumes"] if volume.startswith("./")]
    assert all(parts[2] == "ro" for parts in binds)
    return {parts[1]: parts[0] for parts in binds}


def test_prometheus_reads_its_configuration(services: dict[str, Any]) -> None:
    service = services["prometheus"]
    (given,) = [word for word in service["command"] if word.startswith("--config.file=")]
    folder, _, name = given.partition("=")[2].rpartition("/")
    assert ROOT / "infra" / mounted(service)[folder] / name == CONFIG
    program("prometheus")  # It brings promtool.
    done = subprocess.run(["promtool", "check", "config", CONFIG], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules found" in done.stdout


def test_every_worker_is_scraped(services: dict[str, Any]) -> None:
    (job,) = yaml.safe_load(CONFIG.read_text())["scrape_configs"]
    listening = {
        f"{name}:{each['command'][each['command'].index('--listen') + 1].rpartition(':')[2]}"
        for name, each in services.items()
        if "--recovery" in each.get("command", ())
    }
    assert set(job["static_configs"][0]["targets"]) == listening


def test_grafana_gets_its_boards_and_what_data_sources_name(services: dict[str, Any]) -> None:
    service = services["grafana"]
    folders = mounted(service)
    places = ROOT / "infra" / folders["/etc/grafana/provisioning"]
    (provider,) = yaml.safe_load((places / "dashboards" / "rollguard.yaml").read_text())["providers"]
    assert list((ROOT / "infra" / folders[provider["options"]["path"]]).glob("*.json"))
    text = (places / "datasources" / "rollguard.yaml").read_text()
    named = set(re.findall(r"\$(\w+)", text))
    assert named
    assert named <= service["environment"].keys()
    types = {each["type"] for each in yaml.safe_load(text)["datasources"]} - {"prometheus"}  # That one is built in.
    assert types == {service["environment"]["GF_INSTALL_PLUGINS"]}
    assert service["environment"]["ROLLGUARD_PROMETHEUS"] == "http://prometheus:9090"


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_they_start_only_when_asked_for(services: dict[str, Any], name: str) -> None:
    assert services[name]["profiles"] == ["boards"]
    assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])
