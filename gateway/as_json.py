"""An item as JSON, whatever its texts hold: who asks a service decides what stands in them."""

from typing import Any

import msgspec


def as_json(item: dict[str, Any]) -> bytes:
    r"""Return an item as JSON; values that JSON does not know as their texts.

    Half of a character, which Python reads from the JSON of a request and UTF-8 cannot hold, becomes U+FFFD.

    >>> as_json({"input": "cut \ud83d", "flags": ["\udc00"]}).decode()
    '{"input":"cut \ufffd","flags":["\ufffd"]}'
    """
    try:
        return msgspec.json.encode(item, enc_hook=str)
    except UnicodeEncodeError:
        return msgspec.json.encode(_whole(item), enc_hook=str)


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(each) for each in value]
    return value
