"""Reads a policy and the profiles that it names from one file, or from a folder of several."""

from pathlib import Path

from operators.policy.errors import PolicyError
from operators.policy.policy import Policy
from operators.policy_file.teams import limited, parse_teams, profiles_named_by
from operators.policy_file.toml import parse, profiles_named


def load_policy(path: Path) -> Policy:
    """Read and check a policy and the profiles that it names; PolicyError also when a file cannot be read.

    In a folder, all files that end in `.toml` form one policy, each for the models that it names. Hidden files are left
    out: editors and archives leave them beside the others.
    """
    if path.is_dir():
        texts = {each.stem: _text_of(each) for each in sorted(path.glob("*.toml")) if not each.name.startswith(".")}
        if not texts:
            raise PolicyError("policy", str(path), "is a folder without any .toml file")
        return parse_teams(texts, _profiles(profiles_named_by(texts), path))
    text = _text_of(path)
    try:
        return limited(parse(text, _profiles(profiles_named(text), path.parent)))
    except PolicyError as error:
        if error.key == "policy":  # Not TOML: the line in its message is one of this file.
            raise PolicyError("policy", str(path), error.allowed) from error
        raise


def folder_of(path: Path) -> Path:
    """Return the folder of the files that a policy names."""
    return path if path.is_dir() else path.parent


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")  # Some editors begin a file with a mark.
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError("policy", str(path), f"cannot be read: {error}") from error


def _profiles(names: list[str], folder: Path) -> dict[str, bytes]:
    """Return the contents of profiles, searched for beside the policy and then in the working directory."""
    contents = {}
    for name in names:
        found = [place for place in (folder / name, Path(name)) if place.is_file()]
        if found:
            try:
                contents[name] = found[0].read_bytes()
            except OSError as error:
                raise PolicyError("profile", name, f"cannot be read: {error}") from error
    return contents
