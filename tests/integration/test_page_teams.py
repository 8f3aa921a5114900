"""The page beside a folder of policies: models of every team are shown by the windows of their own file."""

import re
from collections.abc import Iterator

import pytest

from flows.page.app import PAGES
from flows.page.serve import Server
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.policy_file.teams import parse_teams
from tests.conftest import migrated
from tests.dataflows.running import run_flow
from tests.integration.test_page_json import shown
from tests.oracle import Log
from tests.policies import base, sli, table
from tests.releasing import RELEASE, SLOWLY
from tests.rolled_back import START_MS, log
from tests.unit.test_page import get

pytestmark = pytest.mark.integration

NAMES = ("a", "b", "c")
RULES = sli("ok", "no_error") + SLOWLY + RELEASE
REGIONS = table("slices", dimensions=["region"]) + RULES
# The worker's tables are those of `default`; the windows of each file are its own.
FILES = {
    "first": 'models = ["a"]\n' + table("windows", tumbling=["1m"], sliding=[{"size": "5m", "every": "10s"}]) + REGIONS,
    "second": 'models = ["b"]\n'
    + table("windows", tumbling=["2m"], sliding=[{"size": "10m", "every": "20s"}])
    + REGIONS,
    "default": base("region", tumbling=["1m"], sliding=[("1m", "10s")], measures=["latency_ms"]) + RULES,
}


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ran = run_flow(
        parse_teams(FILES),
        [Log(f"events/{name}", "events", log(name).messages) for name in NAMES],
        START_MS + 3_600_000,
    )
    with migrated(tmp_path_factory.mktemp("teams")) as embedded:
        inserter = Inserter(embedded.client, _fail)
        for rows in ran.rows:
            inserter.add(rows)
        inserter.flush()
        server = Server(embedded.url, "127.0.0.1:0")
        try:
            server.begin()
            yield server.address
        finally:
            server.end()


def test_every_page_answers_for_the_models_of_every_team(address: str) -> None:
    policies = shown(address, "policy.json")["policies"]
    for name, policy in zip(NAMES, policies, strict=True):
        (release,) = shown(address, f"m/{name}.json")["releases"]
        for path, template, _ in PAGES:
            at = path.format(model=policy["hash"] if template == "policy" else name, version="v2", id="rollback.md")
            code, text, _ = get(address + at[1:])
            assert code == (404 if template == "request" else 200), (at, text)
        assert shown(address, f"m/{name}/r/v2.json")["charts"], name
        assert get(f"{address}policy/{release['policy_hash']}")[0] == 200


def test_the_first_page_draws_each_model_by_the_windows_of_its_own_file(address: str) -> None:
    """Of no two teams they are as long: those of one are not those of all."""
    models = {each["model"]: each for each in shown(address, "index.json")["models"]}
    assert sorted(models) == sorted(NAMES)
    for name in NAMES:
        assert models[name]["per_second"] > 0, name
        assert models[name]["slis"], name


def test_each_team_has_its_policy_in_its_own_words(address: str) -> None:
    hashes = [each["hash"] for each in shown(address, "policy.json")["policies"]]
    texts = [shown(address, f"policy/{each}.json")["policy"]["toml"] for each in hashes]
    assert sorted("".join(re.findall(r'models = \["(.)"\]', text)) for text in texts) == ["", "a", "b"]
