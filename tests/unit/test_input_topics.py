"""Topics that a worker reads beside the usual ones, as a setting names them."""

import pytest

from flows.input_topics import more_topics_of


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a\x1b[2J", "a/b", "käse", "a\n", "x" * 250])
def test_what_can_be_no_topic_is_refused_before_anything_is_asked_for_it(name: str) -> None:
    """A slip in a name was waited for, as if the topic were yet to be made."""
    with pytest.raises(ValueError, match="a topic's name has letters"):
        more_topics_of(f"shop.spans:events,{name}:feedback")


def test_names_of_topics_are_as_kafka_has_them() -> None:
    assert [each.name for each in more_topics_of("a.b_c-D9:events, x..y:feedback")] == ["a.b_c-D9", "x..y"]
