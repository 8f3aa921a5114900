"""Which categories a profile lists where there are many: chosen from half of the values, counted in the other half.

Categories that happen to be most frequent in some values are less so in others, and where many came once, many more are
still to come. A profile that counts the very values it chose from expects too few unseen ones: of 100 equally frequent
categories, in 300 events, 25 % were expected and 50 % came, in every window.
"""

from collections import Counter
from collections.abc import Sequence

from operators.profiles.binning import Value, texts_of
from operators.profiles.build import category_field
from operators.profiles.profile import CATEGORIES_MAX, Field

ROWS_MIN = 50  # With fewer rows a window has no finding.
ONCE_MAX = 0.01  # Share of values whose category came once: as large is that of unseen ones to come (I. J. Good, 1953).
CHOSEN, COUNTED = slice(0, None, 2), slice(1, None, 2)  # The values' order must say nothing about them.


def listed_apart(values: Sequence[Value]) -> Field | None:
    """Return the field of a column whose categories come from the half CHOSEN; None where all values may be counted.

    >>> listed_apart(["visa", "amex"] * 100) is None
    True
    >>> len(listed_apart([f"c{number % 97}" for number in range(900)]).categories)
    50
    """
    seen = Counter(text for text in texts_of(values) if text is not None)
    once = sum(count == 1 for count in seen.values())
    if seen.total() < ROWS_MIN or (len(seen) <= CATEGORIES_MAX and once <= ONCE_MAX * seen.total()):
        return None
    return category_field(values[CHOSEN])
