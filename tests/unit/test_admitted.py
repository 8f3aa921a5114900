"""Who has a place where there are few: by traffic, declared first; a flood of small ones pushes nobody out."""

import math
from random import Random

import pytest

from operators.policy.worker import SHARDS
from operators.window.admitted import HALF_MS, SILENT_MS, Admitted, Name, Places
from operators.window.shards import models_room

PANE_MS = 10_000
START = 176_000_040  # The first pane of ten minutes.


def at(pane: int, places: int = 3) -> Places:
    return Places(pane=START + pane, pane_ms=PANE_MS, places=places)


def holders(admitted: Admitted) -> set[str]:
    return {str(name) for (name,) in admitted.last["m"]}


def counts(**events: int) -> dict[Name, int]:
    return {(name,): count for name, count in events.items()}


def test_a_flood_of_small_names_pushes_nobody_out() -> None:
    admitted = Admitted()
    admitted.admit("m", counts(v1=1_000, v2=12, v3=1), at(0))
    for pane in range(1, 30):
        admitted.admit("m", {(f"made-up-{pane}-{index}",): 10 for index in range(500)}, at(pane))
    assert holders(admitted) == {"v1", "v2", "v3"}
    assert len(admitted.waiting["m"]) <= 3


def test_a_name_with_a_real_share_takes_the_place_of_a_made_up_one() -> None:
    """100 versions made up in one second kept the candidate among the rest for a day."""
    admitted = Admitted()
    admitted.admit("m", {(f"made-up-{index:03}",): 1 for index in range(100)} | counts(v1=900), at(0, 100))
    gone = admitted.admit("m", counts(v1=900, v2=100), at(1, 100))
    assert len(gone) == 1
    assert {"v1", "v2"} <= holders(admitted)


def test_a_slow_candidate_gets_its_place_by_what_it_had_in_some_panes() -> None:
    admitted = Admitted()
    admitted.admit("m", {(f"made-up-{index:03}",): 1 for index in range(100)}, at(0, 100))
    for pane in range(1, 8):
        assert "v2" not in holders(admitted)
        admitted.admit("m", counts(v2=2), at(pane, 100))
    assert "v2" in holders(admitted)  # 14 are more than twice 1 and 10.


def test_names_of_like_weight_do_not_change_places() -> None:
    random, admitted, changes = Random(1), Admitted(), 0
    for pane in range(3 * 360):
        names = {name: random.randint(30, 60) for name in ("v1", "v2", "v3", "v4", "v5")}
        changes += len(admitted.admit("m", counts(**names), at(pane)))
    assert changes == 0


def test_a_weight_is_halved_and_then_forgotten() -> None:
    admitted = Admitted()
    admitted.admit("m", counts(v1=100, v2=100, v3=100), at(0))
    admitted.admit("m", counts(v4=100), at(1))
    assert "v4" not in holders(admitted)
    later = 3 * HALF_MS // PANE_MS
    assert admitted.admit("m", counts(v4=40), at(later)) == {("v1",)}  # 40 + 12 against 12 of each.


def test_a_name_that_is_silent_for_a_day_makes_room() -> None:
    admitted, day = Admitted(), SILENT_MS // PANE_MS
    admitted.admit("m", counts(v1=1_000_000, v2=1_000_000, v3=1), at(0))
    admitted.admit("m", counts(v1=1), at(2))
    admitted.admit("m", counts(v4=1), at(day))
    assert "v4" not in holders(admitted)
    admitted.admit("m", counts(v4=1), at(day + 1))
    assert holders(admitted) == {"v1", "v4"}


def test_declared_names_always_have_a_place() -> None:
    admitted = Admitted()
    declared = {("v2",), ("v1",)}
    admitted.admit("m", counts(a=1_000, b=500, c=900), at(0))
    assert admitted.admit("m", counts(v2=1), at(1), declared) == {("b",)}
    assert admitted.admit("m", {(f"big-{index}",): 10**6 for index in range(9)}, at(2), declared) == {("a",), ("c",)}
    assert "v2" in holders(admitted)
    admitted.admit("m", counts(v1=1), at(3), declared)
    assert {"v1", "v2"} <= holders(admitted)
    # Also over a day of silence, as long as it is declared.
    admitted.admit("m", counts(x=10**9), at(2 * SILENT_MS // PANE_MS), declared)
    assert {"v1", "v2", "x"} == holders(admitted)


def test_an_admitted_of_an_older_store_goes_on() -> None:
    admitted = Admitted(last={"m": {("v1",): START, ("v2",): START, ("v3",): START}})
    admitted.admit("m", counts(v1=5, v4=11), at(1))
    assert holders(admitted) == {"v1", "v3", "v4"}


@pytest.mark.parametrize("models_max", [1, 2, 10, 64, 1_000])
def test_as_many_models_as_allowed_find_room_in_their_shards(models_max: int) -> None:
    """The chance that more than its room fall on one of the shards, by the binomial distribution, added up over all."""
    room, share = models_room(models_max, SHARDS), 1 / SHARDS
    within = sum(
        math.comb(models_max, count) * share**count * (1 - share) ** (models_max - count)
        for count in range(min(room, models_max) + 1)
    )
    assert SHARDS * (1 - within) < 1e-3


def test_with_fewer_places_the_least_busy_give_theirs_up() -> None:
    admitted = Admitted()
    admitted.admit("m", counts(a=50, b=10, c=30), at(0))
    assert admitted.admit("m", counts(d=1), at(1, places=2), {("b",)}) == {("c",)}
    assert holders(admitted) == {"a", "b"}
    assert admitted.admit("m", counts(c=30), at(2, places=3)) == set()
    assert holders(admitted) == {"a", "b", "c"}
