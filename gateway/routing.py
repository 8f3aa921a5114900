"""Turns weights into versions: which share each version of a model gets, and which version answers a key.

A key always gets the same version, in every process. When shares change, only as many keys move as must: none leaves a
version whose share did not fall, and where one falls to a part of what it was, the keys that stay are always the same.
"""

import math
from collections.abc import Collection, Mapping
from hashlib import blake2b

from operators.wire.weights import is_whole

Drawing = dict[str | None, float]  # By version; None: no version.
TINY = 1e-9  # Share of the traffic to which shares are rounded.


def shares_of(
    own: Mapping[str, float], weights: Mapping[str, float], pin: str | None = None, excluded: Collection[str] = ()
) -> dict[str, float]:
    """Return each version's share of the traffic, where the gateway itself would split it by `own`.

    Versions that get nothing are left out. The shares add up to 1, or to less where no version may have the rest. What
    an excluded version, or one with a cap, may not have goes to the pinned one; if none is pinned, to those without a
    cap, in proportion to their shares.

    >>> shares_of({"v1": 0.8, "v2": 0.1, "v3": 0.1}, {"v3": 0.0}, "v1")
    {'v1': 0.9, 'v2': 0.1}
    >>> shares_of({"v1": 0.8, "v2": 0.2}, {"v2": 0.05}), shares_of({"v2": 1.0}, {"v2": 0.05})
    ({'v1': 0.95, 'v2': 0.05}, {'v2': 0.05})
    """
    if pin is not None and not weights:
        return {pin: 1.0}  # From an older worker, which knew no weights: its pin took all the traffic.
    whole = is_whole(weights)
    caps = {**({} if whole else weights), **dict.fromkeys(excluded, 0.0)}
    wanted = normal(weights if whole else own)
    shares = {version: min(share, caps.get(version, 1.0)) for version, share in wanted.items()}
    free = {version: share for version, share in shares.items() if version not in caps}
    rest = 1.0 - math.fsum(shares.values())
    for heir, part in ({pin: 1.0} if pin is not None else normal(free)).items():
        shares[heir] = shares.get(heir, 0.0) + part * rest
    return {version: round(share, 9) for version, share in shares.items() if share > TINY}


def version_of(key: str, salt: str, own: Mapping[str, float], shares: Mapping[str, float]) -> str | None:
    """Return the version that answers a key, None for keys that no version may answer.

    A key has a version by `own`; where that version gets less than its `own` share, some of its keys move to versions
    that get more. `salt`, such as the model's name, makes the drawing independent of others over the same keys.
    """
    usual: Drawing = dict(normal(own).items()) or {None: 1.0}
    wanted: Drawing = dict(shares.items())
    left = 1.0 - math.fsum(shares.values())
    if left > TINY:
        wanted[None] = left
    first = _drawn(usual, key, salt)
    gets = wanted.get(first, 0.0) / usual[first]
    gains = {each: share - usual.get(each, 0.0) for each, share in wanted.items() if share > usual.get(each, 0.0)}
    if gets >= 1.0 or not gains or _point("stays", first, key, salt) < gets:
        return first
    return _drawn(gains, "moves", key, salt)


def normal(weights: Mapping[str, float]) -> dict[str, float]:
    """Return weights as shares, without those that are zero.

    >>> normal({"v1": 3, "v2": 1, "v3": 0}), normal({})
    ({'v1': 0.75, 'v2': 0.25}, {})
    """
    total = math.fsum(weight for weight in weights.values() if weight > 0.0)
    return {version: weight / total for version, weight in weights.items() if weight > 0.0}


def _drawn(weights: Drawing, *key: str) -> str | None:
    """Draw one of several by their weights, by weighted rendezvous hashing.

    The version with the least -ln(u) / weight wins, u a hash of key and version: an exponential race, so its chance is
    its weight over the sum, and a change of one version's weight moves keys only to it, or only from it.

    Source: C. Schindelhauer, G. Schomaker, "Weighted distributed hash tables", SPAA 2005, 218-227, logarithmic method.
    """
    return min(weights, key=lambda version: (-math.log(_point(version, *key)) / weights[version], version or ""))


def _point(*parts: str | None) -> float:
    """Return a number in (0, 1) that depends on the texts alone: 53 bits of BLAKE2b."""
    text = b"".join(b"%d:%b" % (len(each), each) for each in map(_bytes, parts))
    return (int.from_bytes(blake2b(text, digest_size=8).digest()) // 2048 + 0.5) / 2**53


def _bytes(part: str | None) -> bytes:
    return b"" if part is None else part.encode("utf-8", "surrogatepass")
