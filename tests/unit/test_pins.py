"""A gateway's table says what the newest event says, in whatever order and however often events come."""

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pins import PinTable
from operators.wire.control import VERSIONS_MAX, ControlEvent
from tests.control_samples import event


def told(*events: ControlEvent) -> PinTable:
    table = PinTable()
    for each in events:
        table.take(each)
    return table


def test_a_model_that_nobody_spoke_of_has_no_pin() -> None:
    table = PinTable()
    assert (table.pin("m"), table.killed("m"), table.throttled("m")) == (None, (), ())


@given(st.permutations(range(6)), st.integers(0, 99))
def test_the_largest_revision_holds_in_any_order_and_with_repeats(order: list[int], seed: int) -> None:
    events = [event(number + 1, pin) for number, pin in enumerate(["v1", None, "v0", "v1", None, "v3"])]
    shuffled = [events[number] for number in order]
    repeated = shuffled + Random(seed).choices(events, k=4)
    assert told(*repeated).states == told(events[-1]).states


def test_an_older_revision_of_a_zombie_is_refused() -> None:
    table = told(event(5, "v1"))
    assert not table.take(event(4, "v2", id="of-a-zombie"))
    assert not table.take(event(5, "v2", id="also-of-a-zombie"))
    assert table.pin("m") == "v1"
    assert table.take(event(6, None, "promote"))
    assert table.pin("m") is None


def test_models_do_not_touch_each_other() -> None:
    table = told(event(9, "v1"), event(1, "x1", model="other"))
    assert (table.pin("m"), table.pin("other")) == ("v1", "x1")


def test_take_tells_whether_anything_is_to_be_done() -> None:
    table = PinTable()
    assert table.take(event(1, "v1"))
    assert not table.take(event(2, "v1", "rollback_applied")), "the pin is the same"
    assert table.states["m"].revision == 2
    assert table.take(event(3, None, "promote"))


@pytest.mark.parametrize(
    ("events", "killed", "throttled"),
    [
        ([event(1, kind="kill")], ("v2",), ()),
        ([event(1, kind="kill"), event(2, kind="alert")], ("v2",), ()),
        ([event(1, kind="kill"), event(2, kind="kill", version="v3")], ("v2", "v3"), ()),
        ([event(1, kind="kill"), event(2, kind="kill")], ("v2",), ()),
        ([event(1, kind="kill"), event(2, kind="kill", state="resolved")], (), ()),
        ([event(1, kind="kill"), event(2, kind="alert", rule="override")], (), ()),
        ([event(1, kind="kill"), event(2, kind="alert", rule="override", state="resolved")], ("v2",), ()),
        ([event(1, kind="kill"), event(2, "v1", "rollback", version="v3")], ("v2",), ()),
        ([event(1, kind="kill"), event(2, "v2", "rollback", version="v3")], (), ()),
        ([event(1, kind="throttle"), event(2, kind="hold")], (), ("v2",)),
        ([event(1, kind="throttle"), event(2, kind="throttle", state="resolved")], (), ()),
        ([event(1, kind="throttle"), event(2, kind="promote")], (), ()),
        ([event(1, kind="throttle"), event(2, "v1", "rollback")], (), ()),
    ],
)
def test_kill_and_throttle_hold_until_something_ends_them(
    events: list[ControlEvent], killed: tuple[str, ...], throttled: tuple[str, ...]
) -> None:
    table = told(*events)
    assert (table.killed("m"), table.throttled("m")) == (killed, throttled)


def test_a_version_is_allowed_unless_another_is_pinned_or_it_is_killed() -> None:
    table = told(event(1, kind="kill"), event(1, "x1", model="pinned"))
    assert [table.allows("m", version) for version in ("v1", "v2")] == [True, False]
    assert [table.allows("pinned", version) for version in ("x1", "x2")] == [True, False]
    assert table.allows("unheard-of", "v1")


def test_killed_versions_are_bounded() -> None:
    table = told(*(event(number, kind="kill", version=f"v{number}") for number in range(1, VERSIONS_MAX + 3)))
    assert len(table.killed("m")) == VERSIONS_MAX
    assert not table.allows("m", f"v{VERSIONS_MAX + 2}")


def test_messages_are_taken_as_they_are() -> None:
    first, second = told(event(1, "v1")), PinTable()
    assert second.take(msgspec.json.encode(event(1, "v1")))
    assert first.states == second.states


def test_an_event_of_a_later_rollguard_still_pins() -> None:
    fields = {**msgspec.to_builtins(event(1, "v1")), "type": "quarantine", "new": [1]}
    table = PinTable()
    table.take(msgspec.json.encode(fields))
    assert table.pin("m") == "v1"


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"\xff", b'{"model": "m"}'])
def test_what_is_no_event_is_counted_and_survived(value: bytes) -> None:
    table = told(event(1, "v1"))
    assert not table.take(value)
    assert (table.refused, table.pin("m")) == (1, "v1")


def test_a_dumped_table_goes_on_where_it_was() -> None:
    table = told(event(3, "v1"), event(2, kind="kill", model="other"))
    again = PinTable.load(table.dump())
    assert again.states == table.states
    assert not again.take(event(3, "v2", id="x"))
    with pytest.raises(msgspec.DecodeError):
        PinTable.load(b'{"m": 1}')


def test_a_worker_that_has_begun_anew_does_not_lift_a_pin_by_what_it_does_not_know() -> None:
    table = PinTable()
    table.take(event(1, "v1"))
    assert not table.take(event(2, None, "alert"))
    assert table.pin("m") == "v1"
    assert table.take(event(3, "v3", "alert")), "a pin that was missed is taken up"


def test_an_event_says_by_a_field_what_it_lifts_and_not_by_the_name_of_its_rule() -> None:
    """A user's own rule of the name once let a killed version serve again."""
    for rule in ("release", "override", "traffic-split"):
        table = told(event(1, "v1"), event(2, None, "alert", rule=rule, lifts=False))
        assert table.pin("m") == "v1"
        table = told(event(1, kind="kill", lifts=False), event(2, None, "alert", rule=rule, lifts=False))
        assert table.killed("m") == ("v2",)
    assert told(event(1, "v1"), event(2, None, "alert", rule="slo", lifts=True)).pin("m") is None


def test_a_barred_version_gets_nothing_beside_others_that_may_serve() -> None:
    """v2 was withdrawn; the release of v3 lifts the pin, not what bars v2."""
    table = told(event(1, "v1", barred=("v2",), lifts=False))
    assert table.take(event(2, None, "alert", version="v3", rule="release", barred=("v2",), lifts=True))
    assert [table.allows("m", version) for version in ("v1", "v2", "v3")] == [True, False, True]
    assert table.barred("m") == ("v2",)
    assert PinTable.load(table.dump()).barred("m") == ("v2",)


def test_a_version_is_barred_until_an_event_lets_that_very_version_serve() -> None:
    table = told(event(1, "v1", barred=("v2",), lifts=False))
    for revision, more in enumerate(
        [
            {"kind": "alert", "rule": "slo", "lifts": False},  # Of a worker that has begun anew.
            {"kind": "promote", "version": "v3", "lifts": True},
            {"kind": "alert", "rule": "override", "version": "v4", "lifts": True},
        ],
        start=2,
    ):
        table.take(event(revision, **more))  # type: ignore[arg-type]
        assert table.barred("m") == ("v2",), more
    table.take(event(9, kind="alert", rule="override", lifts=True))
    assert table.barred("m") == ()


def test_what_traffic_must_go_to_is_not_barred() -> None:
    assert told(event(1, "v2", barred=("v2", "v3"), lifts=False)).barred("m") == ("v3",)


def test_a_pin_on_a_version_that_is_withdrawn_ends() -> None:
    """Said by a worker that has begun anew and knows of no pin."""
    table = told(event(1, "v2", version="v3"), event(2, kind="kill", barred=("v2",), lifts=False))
    assert (table.pin("m"), table.allows("m", "v2"), table.allows("m", "v1")) == (None, False, True)


def test_barred_versions_are_bounded() -> None:
    many = tuple(f"v{number}" for number in range(VERSIONS_MAX + 50))
    assert len(told(event(1, barred=many, lifts=False)).barred("m")) == VERSIONS_MAX
