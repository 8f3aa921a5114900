"""A pane of one partial is that partial, to the last bit, wherever merging would change nothing; else it is merged."""

from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.window.leaf_index import LeafIndex, only_used
from operators.window.merging import merge
from operators.window.partial import Partial
from operators.window.together import together
from tests.laws.partials import events, partial_of


def numbered(part: Partial) -> Partial:
    """Return it as panes keep it."""
    series, which = only_used(part.series, part.which)
    return msgspec.structs.replace(part, series=LeafIndex().numbered(series), which=which)


def everything(part: Partial) -> dict[str, Any]:
    """Return all that is in it, each array with its type."""
    values = {name: getattr(part, name) for name in Partial.__struct_fields__}
    arrays = {name: (each.dtype, each.shape, each.tobytes()) for name, each in values.items() if hasattr(each, "shape")}
    return {name: str(value) for name, value in values.items()} | arrays


@given(st.lists(events, max_size=10))
def test_one_partial_is_what_merging_makes_of_it(items: list[dict[str, Any]]) -> None:
    part = msgspec.structs.replace(numbered(partial_of(items)), chains=None)
    assert everything(together([part])) == everything(merge([part]))


@given(st.lists(events, max_size=10), st.randoms(use_true_random=False))
def test_what_is_out_of_order_is_merged(items: list[dict[str, Any]], random: Any) -> None:
    """What comes for a closed pane is all late: rows may fall together; here also in another order."""
    part = msgspec.structs.replace(numbered(partial_of(items)), chains=None)
    late = msgspec.structs.replace(part, late=np.ones_like(part.late), pane=np.full_like(part.pane, 7))
    which = random.sample(range(len(part.series)), len(part.series))
    moved = msgspec.structs.replace(part, which=np.array(which)[part.which])
    for each in (late, moved):
        assert everything(together([each])) == everything(merge([each]))


def test_a_partial_in_order_is_not_merged() -> None:
    part = numbered(partial_of([]))
    assert together([part]).slis is part.slis
