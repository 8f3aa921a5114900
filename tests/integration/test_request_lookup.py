"""The request log is asked for ids that anybody may have made up, and answers of those that it has."""

from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from operators.archive.log import RequestLog
from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.errors import RefusedError, UnreachableError
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.connectors.clickhouse.request_lookup import Lookup, RequestLookup
from operators.policy_file.toml import parse
from operators.pseudonyms import Pseudonyms
from tests.conftest import with_tables
from tests.dataflows.making import POLICY, START_MS, received
from tests.integration.clickhouse_bridge import Bridge
from tests.integration.ports import free_ports

ODD = [
    "'", "\\", "\\'", "\n", "\t", "\0", "%(ids)s", "%s", "{a:String}", "--", "/*", ";", "`", '"', "\u2028", "é", "😀",
    "a b", ")",
]  # fmt: skip


def ids() -> list[str]:
    random = Random(3)
    mixed = ["".join(random.choices([*ODD, "x", "7"], k=random.randrange(1, 20))) for _ in range(300)]
    return sorted({*ODD, *mixed, "x" * 128})


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    folder = tmp_path_factory.mktemp("bridge")
    with_tables(folder)
    made = Bridge(folder / "clickhouse")
    made.start()
    try:
        url = made.url("rollguard")
        log = RequestLog("e/0", parse(POLICY), Pseudonyms("a-key-of-the-tests"))
        events = [
            {"request_id": name, "ts": START_MS + at, "model": "m", "version": "v", "slices": {"region": name[:1]}}
            for at, name in enumerate(ids())
        ]
        client = open_clickhouse(url)
        inserter = Inserter(client, _fail)
        for rows in log.take(received([msgspec.json.encode(event) for event in events])).rows:
            inserter.add(rows)
        inserter.flush()
        client.close()
        yield made
    finally:
        made.stop()


def test_any_id_is_found_whatever_it_holds(bridge: Bridge) -> None:
    told: list[Lookup] = []
    lookup = RequestLookup(bridge.url("rollguard"), 5.0, told.append)
    try:
        found = lookup([*ids(), "nobody", *(f"{name}!" for name in ids())])
        assert found is not None
        assert sorted(found) == ids()
        for at, name in enumerate(ids()):
            (answer,) = found[name]
            assert (answer.model, answer.version, answer.slices) == ("m", "v", {"region": name[:1]})
            assert answer.ts == START_MS + at
        assert [(each.ids, each.fault) for each in told] == [(2 * len(ids()) + 1, None)]
    finally:
        lookup.close()


def test_a_store_that_is_away_is_asked_again_until_the_deadline() -> None:
    (port,) = free_ports(1)
    now = [0.0]
    told: list[Lookup] = []
    lookup = RequestLookup(f"http://u:p@127.0.0.1:{port}/rollguard", 10.0, told.append, lambda: now[0])
    assert lookup(["a"]) is None
    assert lookup(["a"]) is None, "not so soon"
    assert len(told) == 1
    assert told[0].fault is not None
    now[0] = 9.0
    assert lookup(["a"]) is None
    assert len(told) == 2
    now[0] = 11.0
    with pytest.raises(UnreachableError):
        lookup(["a"])


def test_what_a_person_must_see_to_is_said_at_once(bridge: Bridge) -> None:
    for wrong in (bridge.url("rollguard", "another"), bridge.url("no_such_database")):
        lookup = RequestLookup(wrong, 60.0)
        with pytest.raises(RefusedError):
            lookup(["a"])
