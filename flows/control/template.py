"""Templates for the texts that people read: fields of the event in braces, and nothing else.

    {model} {version}: {sentence} {runbook}

No attribute, index, conversion or format is taken, so a template reaches nothing but these texts.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from string import Formatter

from flows.control.commands import WrongCommand

FIELDS = (
    "sentence", "id", "type", "state", "time", "model", "version", "rule", "severity", "slice", "pin", "reason",
    "runbook",
)  # fmt: skip
TEMPLATE_MAX = 4_000  # Characters.

Part = tuple[str, str | None]  # Text as it stands, and the field that follows it.


class Template:
    """A text with fields. WrongCommand if it has another field, or braces that do not match."""

    def __init__(self, text: str) -> None:
        self._parts = list(_parts(text))

    def fill(self, fields: Mapping[str, str], escape: Callable[[str], str] = str) -> str:
        """Return the text, with what `escape` makes of each field; the template's own text stays as it is.

        >>> Template("{model}: {sentence} {{}}").fill({"model": "a<b", "sentence": "Down {id}."}, lambda x: x.upper())
        'A<B: DOWN {ID}. {}'
        """
        return "".join(text + ("" if name is None else escape(fields.get(name, ""))) for text, name in self._parts)


def read(path: Path) -> Template:
    """Return the template in a file. WrongCommand, OSError."""
    try:
        text = path.read_text("utf-8").strip()
    except UnicodeDecodeError as error:
        raise WrongCommand(f"--template {path}: is no UTF-8 text: {error.reason}") from error
    if not text or len(text) > TEMPLATE_MAX:
        raise WrongCommand(f"--template {path}: must have 1 to {TEMPLATE_MAX} characters, it has {len(text)}")
    return Template(text)


def _parts(text: str) -> list[Part]:
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise WrongCommand(f"--template: {error}; write a brace as {{{{ or }}}}") from error
    for _, name, form, conversion in parsed:
        if name is not None and (name not in FIELDS or form or conversion):
            asked = name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            raise WrongCommand(f"--template: {{{asked}}} is none of the fields {', '.join(FIELDS)}")
    return [(literal, name) for literal, name, _, _ in parsed]
