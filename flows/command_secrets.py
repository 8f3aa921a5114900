"""The secrets that commands are signed with: the environment's, and those of the keys that a policy names."""

import msgspec

from flows.policy_files import folder_of
from flows.settings import PLACEHOLDER, Settings, variable
from operators.ingest.credentials import Credentials, Held
from operators.policy.errors import PolicyError
from operators.policy.policy import Policy
from operators.wire.sealing import SECRET_MIN


def credentials(where: Settings, policy: Policy) -> Credentials:
    """Return what commands must be signed with. PolicyError if the policy wants signatures and there is no key."""
    if where.command_key is not None and PLACEHOLDER in where.command_key:
        raise msgspec.ValidationError("ROLLGUARD_COMMAND_KEY: is the placeholder of the examples; make a secret")
    if not policy.commands.signed:
        return Credentials()
    keys = policy.commands.key
    if where.command_key is None and not keys:
        raise PolicyError("commands.signed", True, "needs a key: set ROLLGUARD_COMMAND_KEY, or name [[commands.key]]")
    held = {key.id: Held(key=key, secret=secret_of(where, policy, key.id)) for key in keys}
    return Credentials(key=where.command_key, held=held)


def secret_of(where: Settings, policy: Policy, name: str) -> str:
    """Return the secret of a command key. PolicyError, which shows no secret, if there is no usable one."""
    index, key = next(((at, each) for at, each in enumerate(policy.commands.key) if each.id == name), (0, None))
    if key is None:
        known = ", ".join(each.id for each in policy.commands.key) or "(there are none)"
        raise PolicyError("commands.key", name, f"is none of the keys {known}")
    place = "env" if key.env is not None else "file"
    prefix, named = f"commands.key[{index}].{place}", key.env or key.file or ""
    if key.env is not None:
        secret = variable(key.env)
    else:
        try:
            secret = (folder_of(where.policy) / named).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise PolicyError(prefix, named, f"cannot be read: {error}") from error
    if len(secret) < SECRET_MIN:
        raise PolicyError(prefix, named, f"must hold a secret of at least {SECRET_MIN} characters")
    if PLACEHOLDER in secret:
        raise PolicyError(prefix, named, "holds the placeholder of the examples; make a secret")
    return secret
