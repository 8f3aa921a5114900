"""Near duplicates: found whatever small thing differs, told apart from other texts, and no flood makes them slow."""

from random import Random

import pytest

from operators.triage import near_duplicates
from operators.triage.near_duplicates import leaders, normalised, shingles, similarity

WORDS = [f"w{number:b}".replace("1", "a").replace("0", "b") for number in range(400)]


def _text(random: Random, words: int) -> list[str]:
    return random.choices(WORDS, k=words)


def _changed(random: Random, words: list[str], places: int) -> list[str]:
    changed = list(words)
    for place in random.sample(range(len(words)), places):
        changed[place] = random.choice(WORDS)
    return changed


@pytest.mark.parametrize("words", [8, 60, 400])
def test_texts_that_differ_in_a_few_words_have_one_leader(words: int) -> None:
    """Of 100 words some 3 differ: their sequences have 0.83 in common."""
    random = Random(words)
    firsts = [_text(random, words) for _ in range(40)]
    copies = [_changed(random, first, words // 40) for first in firsts]
    found = leaders([" ".join(each) for each in [*firsts, *copies]], 0.6)
    assert found == [*range(40), *range(40)]


def test_case_digits_and_marks_do_not_matter() -> None:
    assert leaders(["Order 17 never came!", "order 4711, never came", "Order never came"], 0.6) == [0, 0, 2]


def test_what_meets_in_a_band_is_compared_exactly() -> None:
    random = Random(5)
    first = _text(random, 120)
    most = " ".join(first[:88] + _text(random, 32))
    alike = similarity(shingles(normalised(" ".join(first))), shingles(normalised(most)))
    assert 0.55 < alike < 0.59
    assert leaders([" ".join(first), most], 0.6) == [0, 1]
    assert leaders([" ".join(first), most], 0.55) == [0, 0]


def test_no_chain_joins_what_differs() -> None:
    """Each text is close to the one before; the last has nothing of the first."""
    words = [WORDS[number] for number in range(200)]
    chain = [" ".join(words[start : start + 100]) for start in range(0, 101, 10)]
    found = leaders(chain, 0.6)
    assert found[1] == 0
    assert found[-1] != 0


def test_a_flood_is_compared_with_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that all begin alike meet in some bands; a hostile flood of them must not cost its square."""
    compared = 0

    def counted(left: near_duplicates.Shingles, right: near_duplicates.Shingles) -> float:
        nonlocal compared
        compared += 1
        return similarity(left, right)

    monkeypatch.setattr(near_duplicates, "similarity", counted)
    random = Random(3)
    start = _text(random, 60)
    flood = [" ".join(start + _text(random, 60)) for _ in range(300)]
    leaders(flood, 0.9)
    assert compared < 300 * near_duplicates.BANDS * near_duplicates.CANDIDATES_MAX / 4
    assert leaders([""] * 5, 0.6) == [0] * 5
