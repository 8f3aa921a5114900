"""Stands in for Kafka's kafka-acls.sh, which is no part of the broker: takes its arguments, makes real rights of them.

Arguments that the tool does not have are refused. `--command-config` is not needed: the address lets everybody in.
"""

import argparse
import sys
from collections.abc import Iterator

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

OPERATIONS = {"Read": "READ", "Write": "WRITE", "Describe": "DESCRIBE", "DescribeConfigs": "DESCRIBE_CONFIGS"}


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("--add", action="store_true", required=True)
    parser.add_argument("--allow-principal", action="append", required=True)
    parser.add_argument("--operation", action="append", required=True, choices=OPERATIONS)
    parser.add_argument("--topic", action="append", default=[])
    parser.add_argument("--group", action="append", default=[])
    given = parser.parse_args(words)
    admin = AdminClient({"bootstrap.servers": given.bootstrap_server})
    bindings = list(_bindings(given))
    for future in admin.create_acls(bindings).values():
        future.result()
    print(f"{len(bindings)} rights")  # noqa: T201


def _bindings(given: argparse.Namespace) -> Iterator[AclBinding]:
    places = [(ResourceType.TOPIC, name) for name in given.topic] + [(ResourceType.GROUP, name) for name in given.group]
    for kind, name in places:
        for principal in given.allow_principal:
            for operation in given.operation:
                allowed = AclOperation[OPERATIONS[operation]]
                yield AclBinding(
                    kind, name, ResourcePatternType.LITERAL, principal, "*", allowed, AclPermissionType.ALLOW
                )


if __name__ == "__main__":
    main(sys.argv[1:])
