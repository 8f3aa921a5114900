"""An item as JSON, whatever its texts hold: a service's callers decide what stands in them."""

from typing import Any

import msgspec


def _plain(value: Any) -> Any:
    as_list = getattr(value, "tolist", None)  # NumPy's arrays and numbers, and those of similar libraries.
    return str(value) if as_list is None else as_list()


_ENCODER = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")
_OF_ODD_DECIMALS = msgspec.json.Encoder(enc_hook=_plain)  # NaN and infinity are not JSON: as texts.


def as_json(item: dict[str, Any]) -> bytes:
    r"""Return an item as JSON: NumPy's numbers and arrays, and decimals, as numbers; other non-JSON values as texts.

    Half of a character, which Python reads from the JSON of a request and UTF-8 cannot hold, becomes U+FFFD.

    >>> as_json({"input": "cut \ud83d", "flags": ["\udc00"]}).decode()
    '{"input":"cut \ufffd","flags":["\ufffd"]}'
    """
    try:
        return _encoded(item)
    except UnicodeEncodeError:
        return _encoded(_whole(item))


def _encoded(item: Any) -> bytes:
    text = _ENCODER.encode(item)
    return _OF_ODD_DECIMALS.encode(item) if b"NaN" in text or b"Infinity" in text else text


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(each) for each in value]
    return value
