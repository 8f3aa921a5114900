"""NumPy arrays as bytes: numbers and flags, also in structured arrays, but no objects."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

KINDS = "biuf"  # Flags, whole numbers, floats.

Field = tuple[str, str, tuple[int, ...]]  # Name, type, shape.


class _Head(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """`dtype` is a text such as "<i8", or the fields of a structured array. `order` is F for column-major."""

    dtype: str | list[Field]
    shape: tuple[int, ...]
    order: str
    body: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Head).decode


def to_bytes(array: NDArray[Any]) -> bytes:
    """Return an array as bytes. TypeError for one of anything but numbers and flags."""
    of_columns = array.flags.f_contiguous and not array.flags.c_contiguous
    head = _Head(_described(array.dtype), array.shape, "F" if of_columns else "C", array.tobytes("A"))
    return _encode(head)


def from_bytes(data: bytes) -> NDArray[Any]:
    """Return the array that `to_bytes` wrote, writable. ValueError, TypeError, or msgspec's errors: other bytes."""
    head = _decode(data)
    kind = _dtype(head.dtype)
    if head.order not in ("C", "F"):
        raise ValueError(f"no order {head.order}")
    flat = np.frombuffer(head.body, kind).copy()
    return np.reshape(flat, head.shape, "F" if head.order == "F" else "C")


def _described(kind: np.dtype[Any]) -> str | list[Field]:
    if kind.fields is None:
        if kind.kind not in KINDS:
            raise TypeError(f"an array of {kind} cannot be saved")
        return kind.str
    described: list[Field] = []
    for name in kind.names or ():
        field = kind.fields[name][0]
        base = _described(field.base)
        if not isinstance(base, str):
            raise TypeError(f"an array of {kind} cannot be saved")
        described.append((name, base, field.shape))
    return described


def _dtype(described: str | list[Field]) -> np.dtype[Any]:
    # Checked first: NumPy reads other texts as objects, times and lists of fields.
    texts = [described] if isinstance(described, str) else [text for _, text, _ in described]
    for text in texts:
        if len(text) != 3 or text[0] not in "<>|" or text[1] not in KINDS or text[2] not in "1248":
            raise ValueError(f"no type of numbers: {text[:20]!r}")
    return np.dtype(described)
