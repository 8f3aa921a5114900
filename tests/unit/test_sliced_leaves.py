"""Slices and versions of finest series by number, whoever numbers them."""

from operators.window.leaf_index import LeafIndex, LeafSeries
from operators.window.sliced_leaves import SlicedLeaves

SERIES = [
    LeafSeries(model, version, (region,)) for region in ("eu", "us") for model in ("m", "n") for version in ("v1", "v2")
]


def test_series_that_come_later_are_found_and_those_from_before_stay() -> None:
    sliced, leaves = SlicedLeaves(("region",)), LeafIndex()
    for some in (SERIES[:3], SERIES[1:], SERIES[::-1]):
        numbers = sliced.numbers(leaves.numbered(some)).tolist()
        assert [sliced.names[each][:2] for each in numbers] == [each[:2] for each in some]
        assert [sliced.names[each].text for each in numbers] == [f"region={each.values[0]}" for each in some]
        assert [sliced.versions[sliced.version_of[each]] for each in numbers] == [each[:2] for each in some]
    assert len(sliced.versions) == 4


def test_what_was_found_by_other_numbers_stays_as_it_is() -> None:
    """Panes get new numbers after an hour, while somebody may still look at the one before."""
    sliced = SlicedLeaves(("region",))
    numbers = sliced.numbers(SERIES)
    names, versions, version_of = sliced.names, sliced.versions, sliced.version_of
    others = sliced.numbers(LeafIndex().numbered(SERIES[::-1]))
    assert [sliced.names[each].text for each in others.tolist()] == [name.text for name in names][::-1]
    assert [versions[each] for each in version_of[numbers].tolist()] == [each[:2] for each in SERIES]
