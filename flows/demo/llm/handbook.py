"""The handbook of a shop, what customers ask of it, and the search that finds its pages and sentences.

Each page has a rule and, in its second sentence, the exception to it. Four questions of ten are about an exception.
"""

import re
from collections.abc import Sequence
from functools import cache
from math import log

import msgspec

WORD = re.compile(r"[a-z0-9]+")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page: its `rule`, the `exception` to it, and the ways in which customers ask for the one and for the other."""

    id: str
    rule: str
    exception: str
    plain: tuple[str, ...]
    special: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, str]:
        return self.rule, self.exception


PAGES = (
    Page(
        id="returns",
        rule="You can return what you bought within 30 days, with the receipt.",
        exception="Headphones and software cannot be returned once opened.",
        plain=("Can I return what I bought within two weeks?", "How many days do I have to return what I bought?"),
        special=("I have opened my headphones, can they be returned?", "Can opened software be returned?"),
    ),
    Page(
        id="delivery",
        rule="Delivery of a parcel takes three working days.",
        exception="Parcels to an island need ten, by ship.",
        plain=("How many working days does delivery take?", "When is the delivery of my parcel?"),
        special=("How long do parcels to an island need?", "I live on an island, by ship, when does it come?"),
    ),
    Page(
        id="warranty",
        rule="Every device has a warranty of two years.",
        exception="Batteries are covered for six months only.",
        plain=("How long is the warranty of a device?", "Is there a warranty on every device?"),
        special=("For how long are batteries covered?", "Are the batteries of my drill covered after a year?"),
    ),
    Page(
        id="cancelling",
        rule="You may cancel an order free of charge until it is packed.",
        exception="Engraved goods are made for you and stay ordered.",
        plain=("May I cancel an order free of charge?", "Until when may I cancel an order?"),
        special=("My goods are engraved, can I call them off?", "Do engraved goods stay ordered when I call?"),
    ),
    Page(
        id="paying",
        rule="We take cards, transfers and payment on account.",
        exception="Customers abroad pay by card only.",
        plain=("Do you take cards?", "Is payment on account possible?"),
        special=("How do customers abroad pay?", "Can I pay from abroad without a card?"),
    ),
    Page(
        id="vouchers",
        rule="A voucher is valid for three years in all our shops.",
        exception="It buys no goods that are on sale.",
        plain=("How long is a voucher valid?", "In which shops is my voucher valid?"),
        special=("Does my voucher buy goods on sale?", "The coat is on sale, what buys my voucher?"),
    ),
)


def words_of(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(text.lower()))


def found(question: str) -> Page:
    """Return the page closest to a question: the largest sum of weights of the words that both have."""
    return max(PAGES, key=lambda page: _shared(question, " ".join(page.sentences)))


def decisive(question: str, sentences: Sequence[str]) -> str:
    """Return the sentence that answers a question: the closest one (as in `found`), the first of several."""
    return max(sentences, key=lambda sentence: _shared(question, sentence))


def _shared(question: str, text: str) -> float:
    return sum(_weight(word) for word in words_of(question) & words_of(text))


@cache
def _weight(word: str) -> float:
    """Return the weight of a word: large where few sentences have it."""
    sentences = [sentence for page in PAGES for sentence in page.sentences]
    return log(len(sentences) / max(1, sum(word in words_of(sentence) for sentence in sentences)))
