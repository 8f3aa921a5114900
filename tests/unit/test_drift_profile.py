"""Reference profiles: bins, moments, readable JSON, a name by content; embeddings as clusters."""

import msgspec
import numpy as np
import pytest

from operators.profiles.binning import Value, bins_of, numbers_of
from operators.profiles.build import build
from operators.profiles.embedding import fit, nearest, occupancy
from operators.profiles.profile import CATEGORIES_MAX, Centroids, Field, from_json, to_json
from operators.stats.psi import shift


def test_quantile_bins_hold_a_tenth_each() -> None:
    values = np.random.default_rng(1).normal(size=1_000).tolist()
    field = build({"x": values}).fields["x"]
    assert field.counts == (100,) * 10 + (0, 0)
    assert len(field.edges) == 9


def test_a_number_with_few_values_has_a_bin_for_each() -> None:
    field = build({"x": [3, 1, 2, 2, None, 1, 1]}).fields["x"]
    assert field.edges == (2.0, 3.0)
    assert field.counts == (3, 2, 1, 1, 0)
    assert field.cardinality == 3


def test_a_value_of_most_rows_leaves_no_empty_bins() -> None:
    field = build({"x": [0.0] * 900 + list(range(1, 101))}).fields["x"]
    assert all(field.counts[: field.missing])
    assert field.counts[0] == 900


def test_missing_text_and_new_values_have_bins_of_their_own() -> None:
    fields = build({"n": [1.0, 2.0, 3.0], "c": ["a", "b", "b"]}).fields
    assert bins_of(fields["n"], [0.5, None, "1.0", float("nan"), 9]).tolist() == [0, 3, 4, 3, 2]
    assert bins_of(fields["c"], ["b", None, "z", 1.0, float("nan")]).tolist() == [1, 2, 3, 3, 2]


def test_a_number_in_a_column_of_categories_is_its_text() -> None:
    field = build({"c": ["a", 1.0, 1, "1", "b", "a"]}).fields["c"]
    assert field.categories == ("1", "a", "b")
    assert field.counts == (3, 2, 1, 0, 0)


def test_a_few_texts_do_not_make_a_number_a_category() -> None:
    field = build({"x": [1.0, 2.0, 3.0, "n/a"]}).fields["x"]
    assert field.kind == "number"
    assert field.counts[field.unseen] == 1


def test_rare_categories_count_as_unseen_in_the_reference_too() -> None:
    names = [f"c{number:03}" for number in range(80)]
    field = build({"c": names + names[:60]}).fields["c"]
    assert field.categories == tuple(names[:CATEGORIES_MAX])
    assert field.counts[field.unseen] == 140 - 2 * CATEGORIES_MAX
    assert field.cardinality == 80


def test_moments() -> None:
    moments = build({"x": [1.0, 2.0, 4.0, 9.0, None]}).fields["x"].moments
    assert moments is not None
    assert (moments.n, moments.mean, moments.low, moments.high) == (4, 4.0, 1.0, 9.0)
    assert moments.sd == pytest.approx(np.std([1, 2, 4, 9], ddof=1))
    assert moments.skewness == pytest.approx(22.5 / 9.5**1.5)
    assert moments.kurtosis == pytest.approx(2.0)


def test_json_is_readable_and_returns_the_same_profile() -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 3))
    profile = build({"x": [1.0, 2.5, None], "c": ["é", "b", "b"]}, embedding=fit(vectors, 4))
    text = to_json(profile)
    assert from_json(text) == profile
    assert '"kind": "category"' in text.decode()
    assert "é" in text.decode()


def test_the_name_follows_the_content_and_not_the_order() -> None:
    columns: dict[str, list[Value]] = {"x": [1.0, 2.0, 3.0], "y": ["a", "b", None]}
    name = build(columns).name
    assert len(name) == 16
    turned = {key: list(reversed(values)) for key, values in reversed(columns.items())}
    assert build(turned).name == name
    assert build({**columns, "x": [1.0, 2.0, 3.5]}).name != name


@pytest.mark.parametrize(
    "text", [b"", b"{}", b'{"fields": {"x": {"kind": "number", "counts": [1], "cardinality": 1}}}']
)
def test_a_broken_file_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="no profile"):
        from_json(text)


def test_edges_must_rise_and_counts_must_count() -> None:
    with pytest.raises(ValueError, match="rise"):
        Field(kind="number", edges=(2.0, 1.0), counts=(1,) * 5, cardinality=1)
    for counts in ((0, 0, 0, 0, 0), (1, -1, 1, 0, 0)):
        with pytest.raises(ValueError, match="at least 0 and some above"):
            Field(kind="number", edges=(1.0, 2.0), counts=counts, cardinality=1)
    with pytest.raises(ValueError, match="one length"):
        Centroids(centres=((1.0, 2.0), (1.0,)), counts=(1, 1, 0, 0))


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(ValueError, match="'x' has no value"):
        build({"x": [None, None]})
    with pytest.raises(ValueError, match="bins"):
        build({"x": [1.0]}, bins=1)


def test_an_empty_column_has_no_bins() -> None:
    fields = build({"n": [1.0, 2.0], "c": ["a"]}).fields
    assert [len(bins_of(field, [])) for field in fields.values()] == [0, 0]
    assert len(numbers_of([])) == 0


def test_clusters_are_found_and_their_occupancy_drifts() -> None:
    rng = np.random.default_rng(1)
    middles = rng.normal(size=(4, 32)) * 5
    reference = middles[rng.integers(4, size=2_000)] + rng.normal(size=(2_000, 32))
    centroids = fit(reference, 4, seed=3)
    assert sorted(nearest(centroids.matrix, middles).tolist()) == [0, 1, 2, 3]
    assert sum(centroids.counts) == 2_000
    same = middles[rng.integers(4, size=500)] + rng.normal(size=(500, 32))
    other = middles[rng.integers(2, size=500)] + rng.normal(size=(500, 32))
    found = shift(np.stack([occupancy(centroids, rows) for rows in (same, other)]), np.array(centroids.counts))
    assert found.alarm.tolist() == [False, True]


def test_centroids_depend_on_vectors_and_seed_only() -> None:
    vectors = np.random.default_rng(1).normal(size=(300, 8))
    assert fit(vectors, 8, seed=1) == fit(vectors.copy(), 8, seed=1)
    assert msgspec.json.encode(fit(vectors, 8, seed=1)) == msgspec.json.encode(fit(vectors, 8, seed=1))


def test_equal_vectors_are_one_cluster() -> None:
    centroids = fit(np.ones((20, 3)), 4)
    assert centroids.counts == (20, 0, 0)
    assert occupancy(centroids, np.zeros((0, 3)), missing=2, unseen=1).tolist() == [0, 2, 1]


@pytest.mark.parametrize("vectors", [np.zeros((0, 3)), np.zeros(3), np.array([[np.nan, 1.0]])])
def test_vectors_must_be_finite(vectors: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    with pytest.raises(ValueError, match="finite vectors"):
        fit(vectors)
