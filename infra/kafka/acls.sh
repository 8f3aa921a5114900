#!/usr/bin/env bash
# Who may do what on rollguard's topics; SECURITY.md says why. From a machine with Kafka's own tools:
#
#   PRODUCERS="User:checkout;User:search" infra/kafka/acls.sh --bootstrap-server kafka:9093 --command-config admin.properties
#
# Arguments go to kafka-acls.sh as they are. Principals of one role are separated by ";", topics are those of the settings
# (ROLLGUARD_EVENTS_TOPIC and so on). Running it again changes nothing; what it does not name it leaves alone, so look for
# wider rights with: kafka-acls.sh ... --list. It needs brokers with authorizer.class.name=
# org.apache.kafka.metadata.authorizer.StandardAuthorizer and allow.everyone.if.no.acl.found=false (the default).
set -euo pipefail

[ $# -gt 0 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }

kafka_acls=${KAFKA_ACLS:-kafka-acls.sh}
producers=${PRODUCERS:-User:rollguard-producer}
worker=${WORKER:-User:rollguard-worker}
enricher=${ENRICHER:-User:rollguard-enrich}
evaluator=${EVALUATOR:-User:rollguard-evaluate}
gateways=${GATEWAYS:-User:rollguard-gateway}
operators=${OPERATORS:-User:rollguard-operator}
events=${ROLLGUARD_EVENTS_TOPIC:-inference.events}
feedback=${ROLLGUARD_FEEDBACK_TOPIC:-inference.feedback}
raw=${ROLLGUARD_RAW_FEEDBACK_TOPIC:-inference.feedback.raw}
commands=${ROLLGUARD_COMMANDS_TOPIC:-rollguard.commands}
control=${ROLLGUARD_CONTROL_TOPIC:-rollguard.control}
deadletter=${ROLLGUARD_DEADLETTER_TOPIC:-rollguard.deadletter}
group=${ROLLGUARD_KAFKA_GROUP:-rollguard}

# allow PRINCIPALS WHAT...: adds rights; the rest are further arguments of kafka-acls.sh.
allow() {
  local -a principals=()
  local each
  IFS=';' read -ra names <<< "$1"
  shift
  for each in "${names[@]}"; do principals+=(--allow-principal "$each"); done
  "$kafka_acls" "${given[@]}" --add "${principals[@]}" "$@"
}

given=("$@")
# What models answered, and what is learned of it later. Producers read nothing, and write nothing else.
allow "$producers" --operation Write --operation Describe --topic "$events" --topic "$feedback" --topic "$raw"
# The worker reads them and the commands; it alone says anything on the control topic.
allow "$worker" --operation Read --operation Describe --operation DescribeConfigs \
  --topic "$events" --topic "$feedback" --topic "$commands"
allow "$worker" --operation Write --operation Describe --operation DescribeConfigs --topic "$control" --topic "$deadletter"
# `rollguard enrich` reads feedback without context, and writes it with its context: a principal of its own, as whoever
# writes feedback may say anything of any version.
allow "$enricher" --operation Read --operation Describe --operation DescribeConfigs --topic "$raw"
allow "$enricher" --operation Write --operation Describe --operation DescribeConfigs --topic "$feedback" --topic "$deadletter"
# `rollguard evaluate` reads events, and writes judgements, and events of its judges: it may say anything of any version.
allow "$evaluator" --operation Read --operation Write --operation Describe --operation DescribeConfigs --topic "$events"
allow "$evaluator" --operation Write --operation Describe --operation DescribeConfigs --topic "$feedback"
# Only to show lag tools how far it is (ROLLGUARD_KAFKA_PUBLISH_OFFSETS); it joins no group.
allow "$worker" --operation Read --operation Describe --group "$group" --group "$group-archive"
allow "$enricher" --operation Read --operation Describe --group "$group-enrich"
allow "$evaluator" --operation Read --operation Describe --group "$group-evaluate"
# Gateways, and people who follow what rollguard says.
allow "$gateways;$operators" --operation Read --operation Describe --topic "$control"
# People and deploy pipelines. Signatures say which of them (`[commands] signed`).
allow "$operators" --operation Write --operation Describe --topic "$commands"
