"""Which categories a profile lists where there are many: chosen from half of the values, and counted in the others.

Those that happen to be most frequent in some values are less so in others, and of categories that came once many more
are still to come. A profile that counts the very values it chose from promises too few unseen ones: of 100 equally
frequent categories, in 300 events, 25 % were promised and 50 % came, in every window.
"""

from collections import Counter
from collections.abc import Sequence

from operators.profiles.binning import Value, texts_of
from operators.profiles.build import category_field
from operators.profiles.profile import CATEGORIES_MAX, Field

ROWS_MIN = 50  # Of fewer nothing is said of a window.
ONCE_MAX = 0.01  # Of values whose category came once, which is how many are still to come (I. J. Good, 1953).
CHOSEN, COUNTED = slice(0, None, 2), slice(1, None, 2)  # Values must come in an order that says nothing of them.


def listed_apart(values: Sequence[Value]) -> Field | None:
    """Return the field of a column of categories by the half that is CHOSEN from; None where all values may be counted.

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
