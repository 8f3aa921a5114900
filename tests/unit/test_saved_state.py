"""Saved state outlives a rename, says what it cannot read in one line, and never runs code."""

import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.drift.detectors.adwin import AdwinDetector
from operators.drift.detectors.adwin_window import packed_of, window_numbers
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from operators.evaluation import ShardEvaluation
from operators.evaluation_state import EvaluationState
from operators.policy_file.toml import parse
from operators.recovery import HEAD, MAGIC, StateMismatch, content, dumps, loads
from operators.rules.series_state import SeriesState
from operators.rules.threshold import Threshold
from operators.saved.decode import from_bytes_of
from operators.saved.encode import MANY, to_bytes_of
from operators.saved.held import unlisted, unnamed
from operators.saved.registry import Registry, Saved, Unreadable, Unsavable
from operators.saved_names import REGISTRY
from operators.window.fence import UNKNOWN
from operators.window.leaf_index import LeafSeries
from operators.window.watermark import PartitionProgress
from tests.dataflows.making import POLICY
from tests.releasing import BAD_NEWS, CANARY, THRESHOLD, Story, policy
from tests.saving import again, of_bytes, saved, without

RULES = parse(POLICY)


class Inner(msgspec.Struct, frozen=True):
    name: str
    rate: float = 0.5


class Whole(msgspec.Struct, kw_only=True):
    inner: Inner
    parts: dict[tuple[str, int], list[Inner]] = {}


class Plain:
    """Keeps an array, and a table that follows from it."""

    def __init__(self, counts: list[int]) -> None:
        self.counts = np.array(counts)
        self.place = {count: at for at, count in enumerate(counts)}

    def __getstate__(self) -> dict[str, Any]:
        return {"counts": self.counts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["counts"].tolist())  # type: ignore[misc]


def names(whole: type = Whole, inner: type = Inner, **of_inner: Any) -> Registry:
    return Registry([Saved("whole", whole), Saved("inner", inner, **of_inner), Saved("plain", Plain, ("counts",))])


WHOLE = Whole(inner=Inner("a"), parts={("v1", n): [Inner(str(n), n / 3)] * 2 for n in range(20)})


def test_what_was_saved_loads_under_another_class_and_module() -> None:
    data = to_bytes_of(names(), WHOLE)
    module = ModuleType("operators.somewhere_else")
    exec(  # noqa: S102  # Classes of another module, of other names, with a field more.
        "import msgspec\n"
        "class Part(msgspec.Struct, frozen=True):\n    name: str\n    rate: float = 0.5\n    more: int = 7\n"
        "class All(msgspec.Struct, kw_only=True):\n    parts: dict = {}\n    inner: Part\n",
        module.__dict__,
    )
    (read,) = from_bytes_of(names(module.All, module.Part), data)
    assert type(read) is module.All
    assert read.inner == module.Part("a", 0.5, 7)
    assert read.parts["v1", 3] == [module.Part("3", 1.0)] * 2
    assert b"Inner" not in data
    assert b"test_saved_state" not in data


@pytest.mark.parametrize("module", [name for name in sys.modules if name.startswith("operators.")])
def test_no_module_is_named_in_what_is_saved(module: str) -> None:
    assert module.encode() not in STATE


def test_a_class_that_is_not_registered_is_named() -> None:
    @dataclass
    class Unknown:
        a: int = 1

    for state in (Unknown(), [Unknown()], {"a": {1: (Unknown(),)}}, [Unknown()] * 50):
        with pytest.raises(Unsavable, match=r"test_saved_state\..*Unknown is in the saved state, and has no name"):
            dumps(state, RULES)


def test_a_field_that_the_registration_does_not_list_is_named() -> None:
    class Growing:
        def __init__(self) -> None:
            self.known, self.new = 1, 2

    with pytest.raises(Unsavable, match=r"Growing keeps other fields than .* lists for growing: new"):
        to_bytes_of(Registry([Saved("growing", Growing, ("known",))]), Growing())


def test_a_field_added_later_has_its_default_also_in_a_plain_class() -> None:
    class Old:
        def __init__(self) -> None:
            self.a = 1

    class New:
        a: int
        b: list[int]

    data = to_bytes_of(Registry([Saved("x", Old, ("a",))]), Old())
    (new,) = from_bytes_of(Registry([Saved("x", New, ("a", "b"), added={"b": list})]), data)
    assert (type(new), new.a, new.b) == (New, 1, [])
    with pytest.raises(Unreadable, match="x lacks the field b"):
        from_bytes_of(Registry([Saved("x", New, ("a", "b"))]), data)


def test_an_older_version_is_brought_up_step_by_step() -> None:
    class Third(msgspec.Struct):
        label: str
        share: float

    upgrades: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
        1: lambda old: {"label": old["name"], "rate": old["rate"]},
        2: lambda old: {"label": old["label"], "share": old["rate"] * 100},
    }
    registry = names(inner=Third, version=3, upgrades=upgrades)
    (read,) = from_bytes_of(registry, to_bytes_of(names(), WHOLE))
    assert read.inner == Third("a", 50.0)
    with pytest.raises(ValueError, match="needs an upgrade from each one before"):
        names(version=3, upgrades={2: upgrades[2]})


def test_what_a_newer_one_wrote_stops_with_one_line() -> None:
    class More(msgspec.Struct):
        name: str
        more: int

    newer = to_bytes_of(names(version=2, upgrades={1: dict}), Inner("a"))
    with pytest.raises(Unreadable, match="inner has version 2, and 1 is known here: it was written by a newer"):
        from_bytes_of(names(), newer)
    with pytest.raises(Unreadable, match="inner has the field more, which is not known here: it was written by"):
        from_bytes_of(names(), to_bytes_of(names(inner=More), More("a", 1)))
    with pytest.raises(Unreadable, match="whole is not known here: it was written by a newer rollguard"):
        from_bytes_of(Registry([Saved("inner", Inner)]), to_bytes_of(names(), WHOLE))


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1, 2**64 - 1, -(2**63), 1.5, float("inf"), "ünï\x00", b"\x80", [], (), set(), {}, [[]],
       ((),) * 9,
        [1, True, None, "a", 2.0], {1: "a", "a": (1,), (1, "b"): {2}}, frozenset({"a"}), [1] * 9, list(range(-5, 40)),
        [2**70 % 7, 2**62, -(2**63) + 1] * 5, ["a"] * 20, [f"x{n}" for n in range(20)], [("a", n) for n in range(20)],
        [{"a": 1, "b": n} for n in range(20)], [{str(n): 1} for n in range(20)], [(1, 2), (1,)] * 9, [(), ()] * 9,
        [1, 1.0, True] * 9, [0.1] * 20, {n: Inner(str(n)) for n in range(20)}, {("a", n): [n] for n in range(20)},
        [LeafSeries("m", "v", (f"r{n}", "s")) for n in range(20)], [LeafSeries("m", "v", ())] * 20, WHOLE,
        datetime(2025, 1, 2, 3, 4, 5, 6, UTC), datetime(2025, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        [2**64 - 1] * 9, [{}] * 20, [[n] for n in range(20)], {"a": {"b": {"c": {"d": [{}]}}}},
    ],
)  # fmt: skip
def test_values_come_back_as_they_were(value: object) -> None:
    registry = Registry([*REGISTRY.by_name.values(), Saved("test", Inner), Saved("whole", Whole)])
    (read,) = from_bytes_of(registry, to_bytes_of(registry, value))
    assert repr(read) == repr(value)
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(5), np.zeros((0, 3)), np.array(3.5), np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10)[::2], np.array([True, False]), np.array([np.nan, -np.inf, 0.1]), np.arange(3, dtype=np.uint8),
        np.array([(1, True, (2, 3))], [("a", "i8"), ("b", "?"), ("c", "i4", (2,))]), np.arange(4, dtype=">i2"),
    ],
)  # fmt: skip
def test_arrays_come_back_with_type_shape_and_order(array: Any) -> None:
    read = of_bytes(saved([array]))[0]
    np.testing.assert_array_equal(read, array)
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    assert read.flags.writeable
    assert read.flags.f_contiguous == (array.flags.f_contiguous or array.ndim < 2)
    assert type(of_bytes(saved(np.float64(1.5)))) is np.float64


def test_arrays_of_objects_are_refused_both_ways() -> None:
    for array in (np.array([Inner("a")], object), np.array(["a"]), np.array([1], "M8[s]")):
        with pytest.raises(Unsavable, match="cannot be saved"):
            dumps(array, RULES)
    for text in ("|O8", "O", "<M8", "i8,O", "|V8", "<U4", "<i3"):
        head = msgspec.msgpack.encode([text, [1], "C", bytes(8)])
        with pytest.raises(Unreadable):
            of_bytes(msgspec.msgpack.encode([[], msgspec.msgpack.Ext(1, head)]))


def test_what_is_shared_in_a_column_is_shared_again() -> None:
    one, other = {"region": "eu"}, {"region": "us"}
    read = again([one, other, one, one] * MANY)
    assert read == [one, other, one, one] * MANY
    assert len({id(each) for each in read}) == 2


def test_state_of_the_policy_before_is_told_from_this() -> None:
    data = dumps(PartitionProgress(partition="a"), RULES)
    assert loads(data, PartitionProgress, RULES) == PartitionProgress(partition="a")
    assert loads(None, PartitionProgress, RULES) is None
    with pytest.raises(StateMismatch):
        loads(data, PartitionProgress, parse(POLICY.replace('disorder = "5s"', 'disorder = "6s"')))
    with pytest.raises(Unreadable, match="holds a PartitionProgress where a Watermark should be"):
        loads(data, recovery_kind("Watermark"), RULES)


def recovery_kind(name: str) -> type:
    return next(kind for kind in REGISTRY.by_kind if kind.__name__ == name)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x80\x05N.", "written by an older rollguard, as Python pickles, which are never loaded"),
        (b"", "holds what no rollguard wrote"),
        (b"{}", "holds what no rollguard wrote"),
        (MAGIC + b"\x02" + bytes(50), "has a format that is not known here: it was written by a newer rollguard"),
        (MAGIC + b"\x01" + bytes(50), "is broken: put back a backup"),
        (MAGIC + b"\x01", "is broken: put back a backup"),
    ],
)
def test_other_bytes_stop_with_one_line_that_says_what_to_do(data: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words) as caught:
        content(data)
    assert "\n" not in str(caught.value)
    assert "--recovery" in str(caught.value)


def state_of_a_judge() -> EvaluationState:
    """One that holds a rollback, alerts, a silence and what canaries keep."""
    story = Story(CANARY + THRESHOLD).settled()
    story.until("rollback", BAD_NEWS)
    return story.judge.state


STATE = dumps(state_of_a_judge(), RULES)


@pytest.mark.parametrize("seed", range(3))
def test_mutated_bytes_give_one_clear_error(seed: int) -> None:
    random = Random(seed)
    for _ in range(300):
        data = mutated(STATE, random)
        if data == STATE:
            continue
        with pytest.raises(Unreadable) as caught:
            content(data)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", range(3))
def test_bytes_that_somebody_forged_give_one_clear_error_or_a_state(seed: int) -> None:
    """The digest is no secret: who forges a state forges that too."""
    random = Random(seed)
    refused = 0
    for _ in range(700):
        body = mutated(STATE[HEAD:], random)
        try:
            from_bytes_of(REGISTRY, body)
        except Unreadable:
            refused += 1
    assert refused > 300


def mutated(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 8])):
        at = random.randrange(len(changed))
        kind = random.randrange(4)
        if kind == 0:
            changed[at] = random.randrange(256)
        elif kind == 1:
            del changed[at : at + random.randrange(1, 9)]
        elif kind == 2:
            changed[at:at] = random.randbytes(random.randrange(1, 9))
        else:
            changed[at : at + 4] = changed[random.randrange(len(changed)) :][:4]
    return bytes(changed)


@pytest.mark.parametrize("kind", [AdwinDetector, PageHinkleyDetector])
def test_a_detector_is_its_numbers(kind: type[AdwinDetector] | type[PageHinkleyDetector]) -> None:
    random, one, other, alarms = Random(5), kind(), kind(), 0
    for at in range(2_000):
        x = random.gauss(2.0 * (at // 600), 1.0)
        if at % 97 == 0:
            other = again(other)
        first = one.update(x)
        assert other.update(x) == first
        alarms += first is not None
    assert alarms >= 3


def test_what_is_no_window_of_river_is_refused() -> None:
    adwin = AdwinDetector()
    for x in range(100):
        adwin.update(x / 10)
    packed = adwin._river._helper.__getstate__()
    assert packed_of(window_numbers(packed)) == packed
    for bad in (packed[:-1], packed + b"\x00", packed.replace(struct.pack("<Q", 6), struct.pack("<Q", 7), 1)):
        with pytest.raises(ValueError, match="in another way"):
            window_numbers(bad)
    for part, value in (("head", (1,)), ("sums", np.zeros((1, 2))), ("tail", ("a",) * 5), ("counts", np.zeros(3))):
        with pytest.raises((ValueError, TypeError, LookupError)):
            packed_of(window_numbers(packed) | {part: value})


def test_classes_that_no_test_saves_are_found_by_the_types_of_fields() -> None:
    assert unnamed(REGISTRY) == []
    assert unnamed(Registry([Saved("whole", Whole)])) == [f"{__name__}.Inner"]


class Kept:
    def __init__(self) -> None:
        self.known, self.new = 1, [2]


def test_attributes_that_no_test_saves_are_found_in_the_source() -> None:
    assert unlisted(REGISTRY) == []
    assert unlisted(Registry([Saved("kept", Kept, ("known", "gone"))])) == ["kept: gone", "kept: new"]


def test_a_state_of_a_rule_with_every_row_loads_as_one_with_some() -> None:
    standing = SeriesState(Threshold(name="slo", sli="ok", target=0.9, window_ms=60_000), policy(THRESHOLD))
    assert len(again(standing).kept) == 0  # Nothing came in yet.
    standing.kept = np.zeros(5, standing.kept.dtype)
    standing.kept["member"], standing.kept["seen"], standing.kept["word"] = [1, 0, 1, 1, 0], 7, [2, 0, 0, 1, 0]
    names = [name for name in REGISTRY.by_kind[SeriesState].names if name not in ("member", "ago", "rows", "slots")]
    dense = Saved("standing", Dense, names)
    entries = [each for each in REGISTRY.by_name.values() if each.kind is not SeriesState]
    old = to_bytes_of(Registry([*entries, dense]), Dense(standing.__dict__))
    for read in (again(standing), of_bytes(old)):
        assert read.kept["member"].tolist() == [True, False, True, True, False]
        assert read.kept["word"].tolist() == [2, 0, 0, 1, 0]
        assert read.kept["seen"][[0, 3]].tolist() == [7, 7]


class Dense:
    """As the class of version 1, which saved its attributes as they are."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.__dict__.update(fields)


def test_a_struct_lacks_the_fields_that_were_added_since() -> None:
    judge = ShardEvaluation(policy(THRESHOLD), without(state_of_a_judge(), "order"))
    assert judge.state.order == UNKNOWN


def test_the_names_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "flows" / "README.md").read_text()
    assert [name for name in REGISTRY.by_name if f"`{name}`" not in page] == []
