"""In which shards the models of one of several policy files are: side by side, as what a pane costs is by both."""

import json
from collections import Counter

import pytest

from operators.ingest.partition import Partition
from operators.policy.policy import Policy
from operators.policy_file.teams import limited, parse_teams
from operators.policy_file.toml import parse
from operators.window.shards import home_of, models_room, shard_of
from tests.bench.teams import TEAMS, policies
from tests.dataflows.making import POLICY, START_MS, received

NAMES = [f"team{team:02}-{number}" for team in range(TEAMS) for number in range(10)]


def folder(files: int, more: str = "") -> Policy:
    texts = {f"f{file:02}": f'models = ["f{file:02}-*"]\n{POLICY}{more}' for file in range(files - 1)}
    return parse_teams(texts | {"default": POLICY + more})


def shards_of(policy: Policy, file: str) -> set[int]:
    return {home_of(f"{file}-{number}", policy) for number in range(400)}


def test_of_many_files_each_has_one_shard_and_of_few_each_has_many() -> None:
    """20 files over 200 models cost twice what one did: in all of 16 shards there was something of nearly each."""
    _, many = policies()
    cells = {(many.claims.of(name), home_of(name, many)) for name in NAMES if many.claims is not None}
    assert len(cells) == TEAMS
    assert [len(shards_of(folder(files), "f00")) for files in (2, 4, 17, 40)] == [8, 4, 1, 1]


def test_the_rest_is_in_all_shards_and_so_are_the_models_of_one_file() -> None:
    policy, names = folder(20), [f"m{number}" for number in range(400)]
    for each in (policy, parse(POLICY), limited(parse('models = ["m*"]\n' + POLICY))):
        assert [home_of(name, each) for name in names] == [shard_of(name, 16) for name in names]
    assert home_of("", policy) == shard_of("", 16)


@pytest.mark.parametrize("spread", [3, 16, 200])
def test_the_policy_may_say_in_how_many(spread: int) -> None:
    policy = folder(20, f"\n[worker]\nspread = {spread}\n")
    for file in ("f00", "f18", "m"):
        assert len(shards_of(policy, file)) == min(spread, 16)


def test_shards_of_few_models_have_room_for_all_of_a_file() -> None:
    policy = folder(40)
    assert {models_room(each.models_max, each.spread) >= each.models_max for each in policy.teams[1:]} == {True}


def test_events_and_commands_come_to_the_same_shard() -> None:
    policy = folder(20)
    partition = Partition("p", "events", ("p",), policy)
    for model in ("f03-a", "f11-b", "m"):
        body = {"request_id": model, "ts": START_MS, "model": model, "version": "v1"}
        command = {"id": model, "ts": START_MS, "type": "override", "model": model, "version": "v1"}
        came = partition.take(received([json.dumps(body).encode()], 0)).inputs
        obeyed = Partition("c", "commands", ("c",), policy).take(received([json.dumps(command).encode()], 0)).inputs
        counted = Counter(shard for shard, given in came if given.partials)
        assert counted == Counter(shard for shard, given in obeyed if given.commands) == {home_of(model, policy): 1}
