"""Read `[commands]` of a policy: which keys sign commands, and what each may do."""

import re

from operators.policy.command_keys import DEFAULT_KEY, RIGHTS, CommandKey, Commands
from operators.policy.errors import PolicyError
from operators.policy.reading import NAME


def checked(commands: Commands) -> Commands:
    """Return a table that makes sense; PolicyError names the first thing that does not."""
    if commands.key and not commands.signed:
        raise PolicyError("commands.signed", False, "must be true where there are keys: no command is looked at else")
    for index, key in enumerate(commands.key):
        _check(f"commands.key[{index}]", key)
        if any(key.id == other.id for other in commands.key[:index]):
            raise PolicyError(f"commands.key[{index}].id", key.id, "is named twice")
    return commands


def _check(prefix: str, key: CommandKey) -> None:
    if not re.fullmatch(NAME, key.id):
        raise PolicyError(f"{prefix}.id", key.id, "must be letters, digits, '_', '.' and '-', and begin with a letter")
    if key.id == DEFAULT_KEY:
        raise PolicyError(f"{prefix}.id", key.id, "is that of ROLLGUARD_COMMAND_KEY: name the key otherwise")
    if not key.name:
        raise PolicyError(f"{prefix}.name", key.name, "must say whose key it is")
    if (key.env is None) == (key.file is None):
        raise PolicyError(f"{prefix}.env", key.env, "the secret is in either a variable (`env`) or a file (`file`)")
    if key.env is not None and not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", key.env):
        raise PolicyError(f"{prefix}.env", key.env, "must be the name of a variable, not the secret itself")
    for right in key.types:
        if right not in RIGHTS:
            raise PolicyError(f"{prefix}.types", right, f"must be one of {', '.join(RIGHTS)}")
    for name, values in (("types", key.types), ("models", key.models)):
        if not values:
            raise PolicyError(f"{prefix}.{name}", [], "must name something: a key that may do nothing is none")
