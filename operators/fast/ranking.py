"""Order statistics of the last numbers of a log: a sorted window that moves along."""

from operators.arrays import Ints
from operators.fast.compiled import inlined, kernel


@inlined
def insert(window: Ints, start: int, end: int, number: int) -> None:
    """Insert a number into the sorted places start .. end - 1, which grow by one at the end."""
    while end > start and window[end - 1] > number:
        window[end] = window[end - 1]
        end -= 1
    window[end] = number


@inlined
def remove(window: Ints, start: int, number: int) -> None:
    """Remove a number from sorted places; those before it move up by one, so that the first place is free."""
    place = start
    while window[place] != number:
        place += 1
    while place > start:
        window[place] = window[place - 1]
        place -= 1


@kernel
def rank_windows(numbers: Ints, width: int, rank: int, window: Ints, found: Ints) -> None:
    """Write into `found` the number of a rank, 0 for the least, in each window of `width` consecutive numbers.

    `window` is room for as many as there are numbers. If these nearly rise, only its ends move.
    """
    for place in range(len(numbers)):
        start = max(place - width, 0)
        if place >= width:
            remove(window, start, numbers[place - width])
            start += 1
        insert(window, start, place, numbers[place])
        if place >= width - 1:
            found[place - width + 1] = window[start + rank]
