"""`rollguard check --keys`: every key of a policy that is in force, with its value."""

import sys

import msgspec

from flows.plain import json_escaped, json_text, plain
from operators.policy.policy import Policy
from operators.policy_file.in_force import in_force, key_lines

BY_DEFAULT = "  # by default"


def print_keys(policy: Policy, as_json: bool) -> None:
    """Print a line for each key, named as in errors of a policy, by file; or all tables as JSON.

    For several files the JSON has the tables of each by its name.
    """
    files = in_force(policy)
    if as_json:
        tables = {file: each.tables for file, each in files.items()}
        shown = tables.get("", tables)
        sys.stdout.write(json_text(shown))
        return
    for file, each in files.items():
        if file:
            sys.stdout.write(f"# {plain(file)}.toml\n")
        for key, value in key_lines(each.tables):
            text = json_escaped(f"{key} = {msgspec.json.encode(value).decode()}")
            sys.stdout.write(f"{text}{'' if key in each.written else BY_DEFAULT}\n")
