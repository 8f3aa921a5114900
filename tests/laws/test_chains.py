"""Of sessions, users and retried requests one event each is compared: the same one however the log is cut."""

from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.arrays import Ints
from operators.ingest.id_hashes import chain_hashes
from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from operators.pseudonyms import Pseudonyms
from operators.rules.pane_counts import Roster
from operators.stats.e_process import EProcesses
from operators.window import chains
from operators.window.merging import merge
from operators.window.mixing import positive, salts_of
from operators.window.packing import pack, unpack
from operators.window.partial import BAD, GOOD, Partial, unwatched
from tests.bench.simulate_canary import WORSE_RATIOS
from tests.dataflows.making import received
from tests.releasing import BASE, CANARY

AT_MS = 1_760_000_000_000
POLICY = parse(BASE + CANARY)
OK = [sli.name for sli in POLICY.slis].index("ok")
Body = dict[str, Any]


def made(random: Random, count: int) -> list[Body]:
    """Events of one pane: half are in sessions, some of users, some tried again, and the rest by themselves."""
    bodies = []
    attempts: dict[str, int] = {}  # Of some requests the first is not among them.
    for number in range(count):
        kind = random.randrange(4)
        body: Body = {
            "request_id": f"r{number}",
            "ts": AT_MS + random.randrange(4_000),  # None of them is late, whatever the order.
            "model": "m",
            "version": random.choice(["v1", "v1", "v2"]),
            "slices": {"region": random.choice(["eu", "us"])},
            "error_type": "500" if random.random() < 0.4 else None,
        }
        if kind == 0:
            body |= {"session_id": f"s{random.randrange(count // 8)}", "user_id": "u1"}
        elif kind == 1:
            body |= {"user_id": f"ü{random.randrange(count // 8)}"}
        elif kind == 2:
            request = f"q{random.randrange(count // 8)}"
            attempts[request] = attempts.get(request, random.randrange(3) - 1) + 1
            body |= {"request_id": request, "attempt": attempts[request]}
        bodies.append(body)
    return bodies


def partials(bodies: Sequence[Body], batch: int, key: str | None = None) -> list[Partial]:
    partition = Partition("log", "events", ("log",), POLICY, pseudonyms=Pseudonyms(key))
    out = []
    for start in range(0, len(bodies), batch):
        taken = partition.take(received([msgspec.json.encode(body) for body in bodies[start : start + batch]]))
        assert not taken.rejects
        out += [part for _, given in taken.inputs for _, part in given.partials]
    return out


def units(part: Partial) -> dict[tuple[str, str], list[int]]:
    """Good and bad as they are compared, by version and slice."""
    grain = (tuple(range(len(POLICY.dimensions))),)
    roster = Roster(POLICY.dimensions, grain, len(POLICY.slis), ())
    counts = roster.count(AT_MS // POLICY.pane_ms, part)
    assert counts.slis[:, OK, :2].sum() == part.slis[:, OK, :2].sum()
    return {
        (roster.names[slot].version, roster.names[slot].text): counts.units[row, OK].tolist()
        for row, slot in enumerate(counts.slots.tolist())
    }


def expected(bodies: Sequence[Body]) -> dict[tuple[str, str], list[int]]:
    """One event of each chain, by the hashes alone, all others as they came."""
    by_chain: dict[str, dict[int, list[tuple[str, str, bool]]]] = {}
    out: dict[tuple[str, str], list[int]] = {}
    for number, body in enumerate(bodies):
        region = f"region={body['slices']['region']}"
        out.setdefault((body["version"], region), [0, 0])
        chain = body.get("session_id") or body.get("user_id") or ("attempt" in body and body["request_id"])
        members = by_chain.setdefault(chain or f"alone {number}", {}).setdefault(body.get("attempt", 0), [])
        members.append((body["version"], region, bool(body["error_type"])))
    for attempts in by_chain.values():
        first = attempts[min(attempts)]
        if len(set(first)) == 1 and min(attempts) < chains.RETRY:  # Whichever is drawn.
            version, region, failed = first[0]
            out[version, region][failed] += 1
    return out


@pytest.mark.parametrize("seed", range(5))
def test_each_chain_counts_once_and_the_same_one_however_the_log_is_cut(seed: int) -> None:
    bodies = made(Random(seed), 400)
    whole = units(merge(partials(bodies, 400)))
    assert units(merge(partials(bodies, 7))) == whole
    odd, even = bodies[::2], bodies[1::2]  # Two partitions, one of them saved and read again.
    saved = unpack(pack(merge(partials(odd, 50))))
    assert units(merge([*partials(even, 33), saved])) == whole
    assert units(merge(partials(bodies[::-1], 31))) == whole
    least = expected(bodies)
    for name, (good, bad) in whole.items():
        assert good >= least[name][GOOD]
        assert bad >= least[name][BAD]
    every = {
        b.get("session_id") or b.get("user_id") or b["request_id"] for b in bodies if b.get("attempt", 0) < chains.RETRY
    }
    assert sum(map(sum, whole.values())) == len(every), "once, in however many slices it is"


def test_of_too_many_chains_a_sample_is_kept_which_is_the_same_however_the_log_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chains, "CHAINS_MAX", 60)
    bodies = [body for body in made(Random(9), 2_000) if "session_id" in body or "user_id" in body]
    whole = merge(partials(bodies, 1_000))
    assert whole.chains is not None
    assert np.bincount(whole.chains.row).max() == 60
    found = units(whole)
    assert units(merge(partials(bodies, 13))) == found
    # Both versions are sampled alike: the smaller one has fewer chains, though each has more than are kept.
    assert 0 < sum(found["v2", "region=eu"]) < sum(found["v1", "region=eu"])
    assert sum(map(sum, found.values())) <= 4 * 60


@pytest.mark.parametrize("key", [None, "a-key-of-the-tests", "another-of-the-tests"])
def test_who_chooses_session_ids_crowds_out_nobody_where_there_is_a_key(
    monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    """200 of 1,200 sessions, chosen among 20,000 names for their hashes: nearly all that was compared was theirs."""
    monkeypatch.setattr(chains, "CHAINS_MAX", 150)
    names = [f"chosen{number}" for number in range(20_000)]
    salt = positive(salts_of(np.array([AT_MS // POLICY.pane_ms])))
    chosen = np.argsort(chain_hashes([f"s{name}" for name in names]) ^ salt)[:200].tolist()
    sessions = [*(names[at] for at in chosen), *(f"s{number}" for number in range(1_000))]
    bodies = [
        {"request_id": f"r{number}", "ts": AT_MS + number % 4_000, "model": "m", "version": "v1", "session_id": session}
        | {"slices": {"region": "eu"}, "error_type": None if number < 200 else "500"}
        for number, session in enumerate(sessions)
    ]
    whole = units(merge(partials(bodies, 1_200, key)))
    assert units(merge(partials(bodies[::-1], 77, key))) == whole
    good, bad = whole["v1", "region=eu"]
    assert good + bad == 150
    # A sixth of them, and what chance adds to that.
    assert good > 0.9 * 150 if key is None else (good < 150 / 6 + 4 * (150 * 5 / 36) ** 0.5)


def test_hashes_do_not_depend_on_what_else_is_in_the_batch() -> None:
    texts = ["a", "b" * 200, "ä", "", "a"]
    alone = [int(chain_hashes([text])[0]) for text in texts]
    assert chain_hashes(texts).tolist() == alone
    assert len(set(alone)) == 4
    assert chain_hashes(["a"]).tolist() == [3623869457333326211], "what is saved is compared with what comes later"


def test_events_without_any_of_the_ids_are_no_chains_and_cost_nothing() -> None:
    ids = ("session_id", "user_id", "attempt")
    bodies = [
        {key: body[key] for key in body if key not in ids} | {"request_id": f"r{number}"}
        for number, body in enumerate(made(Random(1), 100))
    ]
    whole = merge(partials(bodies, 30))
    assert whole.chains is None
    assert sum(map(sum, units(whole).values())) == 100
    with_chains = merge(partials(made(Random(1), 100), 30))
    assert unwatched(with_chains).chains is None


RUNS, PANES, REQUESTS, SHARE = 100, 400, 40, 0.2


@pytest.mark.parametrize("by_attempt", [True, False], ids=["each attempt goes its own way", "all go the same way"])
def test_retries_of_failing_requests_raise_no_false_alarm(by_attempt: bool) -> None:
    """Both versions alike: 5 % of the requests fail, and what fails is tried twice more, failing with .95."""
    random = np.random.default_rng(7)
    once, plain = (EProcesses(1.0, 1.5, ratios=WORSE_RATIOS) for _ in range(2))
    runs = np.arange(RUNS)
    for processes in (once, plain):
        processes.grow(RUNS)
    for pane in range(PANES):
        request, failed = attempts(random)
        candidate = random.random(len(request) if by_attempt else RUNS * REQUESTS) < SHARE
        row = 2 * (request // REQUESTS) + (candidate if by_attempt else candidate[request])
        slis = np.zeros((2 * RUNS, 1, 3), np.int64)
        slis[:, 0] = np.bincount(3 * row + failed, minlength=6 * RUNS).reshape(-1, 3)
        event = random.integers(1, 2**62, len(request))
        chain = random.permutation(RUNS * REQUESTS)[request]
        known = chains.first_events(
            chains.Chains(
                inside=slis[:, :, :2], row=row, chain=chain, event=event, classes=failed[:, None].astype(np.uint8)
            )
        )
        counted = [(once, chains.units(slis, known, np.arange(2 * RUNS) // 2))]
        if not by_attempt:
            counted.append((plain, slis))
        for processes, counts in counted:
            n, bad = counts[:, 0, :2].sum(axis=1), counts[:, 0, BAD]
            processes.step(pane, runs, np.column_stack((n[1::2], bad[1::2], n[::2], bad[::2])))
    false = (once.log_e_peak >= np.log(20)).mean()
    assert false <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / RUNS)  # It is 5 % at most, of so many runs.
    if not by_attempt:  # Attempts that are sent each its own way do not come in bursts of one version.
        assert (plain.log_e_peak >= np.log(20)).mean() > 0.3


def attempts(random: np.random.Generator) -> tuple[Ints, Ints]:
    """The attempts of a pane of all runs: the number of the request, and whether it failed, (n,) each."""
    every = np.arange(RUNS * REQUESTS)
    first = random.random(len(every)) < 0.05
    second = random.random(len(every)) < 0.95
    third = random.random(len(every)) < 0.95
    tried = [(every, first), (every[first], second[first]), (every[first & second], third[first & second])]
    request, failed = (np.concatenate(each) for each in zip(*tried, strict=True))
    return request, failed.astype(np.int64)


def test_a_request_that_is_tried_again_on_the_baseline_counts_for_the_version_that_failed() -> None:
    """20 % of the candidate's requests fail and 10 % of the baseline's; what fails is tried again on the baseline."""
    random = Random(4)
    bodies: list[Body] = []
    for number in range(4_000):
        version = random.choice(["v1", "v2"])
        failed = random.random() < (0.2 if version == "v2" else 0.1)
        for attempt in (1, 2) if failed else (1,):
            bad = failed if attempt == 1 else random.random() < 0.1
            bodies.append(
                {
                    "request_id": f"r{number}",
                    "attempt": attempt,
                    "ts": AT_MS,
                    "model": "m",
                    "version": version if attempt == 1 else "v1",
                    "slices": {"region": "eu"},
                    "error_type": "500" if bad else None,
                }
            )
    random.shuffle(bodies)
    whole = units(merge(partials(bodies, 500)))
    ratios = {version: bad / (good + bad) for (version, _), (good, bad) in whole.items()}
    assert ratios["v2"] == pytest.approx(0.2, abs=0.03)
    assert ratios["v1"] == pytest.approx(0.1, abs=0.03)
    # In another pane than the first attempts retries say nothing.
    later = [body for body in bodies if body["attempt"] == 2]
    assert sum(map(sum, units(merge(partials(later, 500))).values())) == 0


def test_of_a_session_first_attempts_are_drawn() -> None:
    """Its request failed on the candidate; the two retries went well on the baseline."""
    tried = [("v2", 1, "500"), ("v1", 2, None), ("v1", 3, None)]
    for number in range(20):
        bodies = [
            {"request_id": f"r{number}", "attempt": attempt, "session_id": "s", "ts": AT_MS, "model": "m",
             "version": version, "slices": {"region": "eu"}, "error_type": error}
            for version, attempt, error in tried
        ]  # fmt: skip
        assert units(merge(partials(bodies, 3))) == {("v2", "region=eu"): [0, 1], ("v1", "region=eu"): [0, 0]}
