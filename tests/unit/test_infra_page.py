"""The files that serve the page elsewhere: it keeps nothing, only reads, and is reached by whom it is for."""

from typing import Any

import pytest
import yaml

from flows import settings
from flows.page.access import Access
from flows.page.security import check
from tests.unit.infra_files import (
    COMPOSE,
    PAGE,
    PAGE_UNIT,
    PATHS,
    ROOT,
    SECRET,
    Files,
    command_lines,
    instruction,
    objects,
    parsed,
    services,
    unit,
)

NAME = "rollguard-page"


@pytest.fixture(scope="module")
def files() -> Files:
    return {path: (ROOT / path).read_text() for path in PATHS}


def pod(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = objects(files, PAGE)[f"Deployment/{NAME}"]["spec"]["template"]["spec"]
    return found


def test_it_starts_with_what_it_is_given(files: Files) -> None:
    """Wherever others reach it there is a token, and a name."""
    (container,) = pod(files)["containers"]
    (line,) = unit(files, PAGE_UNIT)["ExecStart"]
    secret = objects(files, SECRET)[f"Secret/{NAME}"]["stringData"]
    composed = services(files)["page"]
    assert command_lines(files)[f"{COMPOSE} page"] == composed["command"]
    for arguments, values in (
        (container["args"], secret),
        (composed["command"], composed["environment"]),
        (line.split()[1:], {}),
    ):
        params = parsed(arguments)
        where = settings.load(values)
        host, _, port = params["listen"].rpartition(":")
        assert port == "8088"
        check(host, where.page_token, params["name"] or ())
        assert Access.of(where.page_token, params["name"] or (), params["proxy"] or ()).proxies == ()
        assert not params["command"], "commands are off"


def test_kubernetes_can_move_it_and_it_can_do_nothing_there(files: Files) -> None:
    found, inside = objects(files, PAGE), pod(files)
    spec = found[f"Deployment/{NAME}"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["replicas"] >= 2
    assert spec["selector"]["matchLabels"] == labels
    assert found[f"Service/{NAME}"]["spec"]["selector"] == labels
    assert found[f"NetworkPolicy/{NAME}"]["spec"]["podSelector"]["matchLabels"] == labels
    (container,) = inside["containers"]
    assert "volumes" not in inside
    assert "volumeMounts" not in container
    assert container["envFrom"] == [{"secretRef": {"name": NAME}}], "it knows no key of the worker"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    user = inside["securityContext"]
    assert user["runAsNonRoot"]
    assert f"{user['runAsUser']}:{user['runAsGroup']}" == instruction(files, "USER")
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {each["name"]: each["port"] for each in found[f"Service/{NAME}"]["spec"]["ports"]} == {"page": 8088}
    assert found[f"NetworkPolicy/{NAME}"]["spec"]["ingress"][0]["ports"] == [{"port": 8088}]
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "page"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "page"}


def test_systemd_and_compose_give_it_no_more(files: Files) -> None:
    found = unit(files, PAGE_UNIT)
    for name, value in {"DynamicUser": "yes", "ProtectSystem": "strict", "NoNewPrivileges": "yes"}.items():
        assert found[name] == [value]
    assert found["EnvironmentFile"] == ["/etc/rollguard/page.environment"], "not that of the worker, with its keys"
    composed = services(files)["page"]
    assert composed["read_only"]
    assert "volumes" not in composed
    assert composed["ports"] == ["127.0.0.1:8088:8088"]
    assert ":8088/livez" in composed["healthcheck"]["test"][-1]


def test_the_image_has_it(files: Files) -> None:
    assert "[monitor,page$" in files["infra/Dockerfile"]
    assert yaml.safe_load(files[COMPOSE])["services"]["page"]["image"] == "rollguard"
