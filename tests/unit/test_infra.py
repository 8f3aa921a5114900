"""The files that run rollguard elsewhere agree with the program, and each check of that is shown able to fail."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import msgspec
import pytest
import yaml
from typer.exceptions import TyperException

from flows import settings
from flows.options import Options
from infra.kafka.broker import TOPICS
from operators.connectors.kafka.config import PREFIX
from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse
from tests.unit.infra_files import (
    ARCHIVE,
    CLUSTER,
    COMPOSE,
    DOCKERFILE,
    ENRICH,
    ENVIRONMENT,
    EVALUATE,
    FLOWS,
    MANY,
    MONITOR,
    ONE,
    PATHS,
    ROOT,
    SECRET,
    SETTINGS,
    TARGET,
    UNITS,
    WORKER,
    WORKLOADS,
    Files,
    command_lines,
    containers,
    environment,
    instruction,
    interpolated,
    objects,
    parsed,
    pod,
    runs,
    services,
    unit,
)

PORT = int(Options(recovery=Path()).listen.rpartition(":")[2])
PUBLISHED = {"worker": PORT, "archive": PORT + 1, "enrich": PORT + 2}  # As --listen has it where none is named.
ROOM = Path("/var/lib/rollguard")
STOP_S_MIN = settings.Settings().clickhouse_deadline_s + 30  # And the time for which an answer is waited for.

Check = Callable[[Files], Iterator[str]]


def stores(where: str) -> dict[str, Path]:
    """Where each flow keeps its recovery store: on a volume for all, or, on a machine, in a folder of its unit's."""
    if where.startswith("infra/systemd"):
        return {name: ROOM.with_name(f"rollguard-{name}") / "recovery" for name in FLOWS} | {"run": ROOM / "recovery"}
    return {name: ROOM / name for name in FLOWS} | {"run": ROOM / "recovery"}


DATA_SOURCES = "infra/grafana/provisioning/datasources/rollguard.yaml"  # Read by Grafana.


def check_variables(files: Files) -> Iterator[str]:
    """What they set is read, and understood."""
    known = {f"ROLLGUARD_{name.upper()}" for name in settings.Settings.__struct_fields__} - {"ROLLGUARD_KAFKA_SETTINGS"}
    known |= set(re.findall(r"ROLLGUARD_[A-Z]+(?:_[A-Z]+)*", (ROOT / DATA_SOURCES).read_text()))
    for path, text in files.items():
        for name in sorted(set(re.findall(r"ROLLGUARD_[A-Z0-9_]+", text)) - known):
            if not name.startswith(PREFIX):
                yield f"{path}: {name} is not read"
    kubernetes = objects(files, SETTINGS)["ConfigMap/rollguard-environment"]["data"]
    secret = objects(files, SECRET)["Secret/rollguard"]["stringData"]
    sets: dict[str, dict[str, str]] = {SETTINGS: kubernetes | secret, ENVIRONMENT: environment(files)}
    sets[COMPOSE] = services(files)["worker"]["environment"]
    for path, values in sets.items():
        try:
            loaded = settings.load(values)
        except msgspec.ValidationError as error:
            yield f"{path}: {error}"
            continue
        if not (loaded.clickhouse or "").startswith("http"):
            yield f"{path}: names no ClickHouse server"
        named = {getattr(loaded, name) for name in settings.Settings.__struct_fields__ if name.endswith("_topic")}
        if named - {topic.topic for topic in TOPICS}:
            yield f"{path}: names a topic that nobody makes"


def check_commands(files: Files) -> Iterator[str]:
    for where, line in command_lines(files).items():
        try:
            params = parsed(line)
        except (TyperException, KeyError) as error:
            yield f"{where}: {line} is refused: {error}"
            continue
        if line[0] in FLOWS and params["recovery_folder"] != stores(where)[line[0]]:
            yield f"{where}: its recovery store is not on the volume"


def check_policy(files: Files) -> Iterator[str]:
    maps = objects(files, SETTINGS)
    try:
        parse(maps["ConfigMap/rollguard-policy"]["data"]["policy.toml"])
    except PolicyError as error:
        yield f"{SETTINGS}: {error}"
    named = Path(maps["ConfigMap/rollguard-environment"]["data"]["ROLLGUARD_POLICY"])
    for path in WORKLOADS:
        for each in containers(files, path):
            mounts = {mount["name"]: mount["mountPath"] for mount in each["volumeMounts"]}
            if named != Path(mounts["policy"]) / "policy.toml":
                yield f"{path}: the policy is not mounted where ROLLGUARD_POLICY says"


def check_topics(files: Files) -> Iterator[str]:
    (script,) = services(files)["topics"]["command"]
    made = set()
    for line in re.findall(r"^make (.*)$", script, flags=re.MULTILINE):
        name, _, partitions, *config = line.split()
        made.add((name, int(partitions), tuple(config[1::2])))
    wanted = {
        (topic.topic, topic.num_partitions, tuple(f"{name}={value}" for name, value in (topic.config or {}).items()))
        for topic in TOPICS
    }
    if made != wanted:
        yield f"{COMPOSE}: topics differ from the broker's: {sorted(made ^ wanted)}"


def check_versions(files: Files) -> Iterator[str]:
    """Servers are those that the tests run on."""
    images = {service["image"] for service in services(files).values()}
    kafka = re.findall(r"kafka_2.13</artifactId>\s*<version>(.*?)<", (ROOT / "infra/kafka/pom.xml").read_text())[0]
    engine = re.findall(r"^chdb-core==(\d+\.\d+)", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)[0]
    text = (ROOT / "constraints.txt").read_text()
    boards = re.findall(r"^grafana[_-]foundation[_-]sdk==\d+!(\S+)", text, flags=re.MULTILINE)[0]
    wanted = {"rollguard", f"apache/kafka:{kafka}", f"clickhouse/clickhouse-server:{engine}"}
    wanted |= {f"grafana/grafana:{boards}", "prom/prometheus:v2.42.0"}
    if images != wanted:
        yield f"{COMPOSE}: images differ: {sorted(images ^ wanted)}"


def check_ports(files: Files) -> Iterator[str]:
    """Where a process listens is where it is probed, published and scraped."""
    listening = {where: int(params["listen"].rpartition(":")[2]) for where, params in runs(files).items()}
    single = {
        f"{DOCKERFILE} CMD",
        f"{WORKER} worker",
        f"{ARCHIVE} archive",
        f"{ENRICH} enrich",
        f"{EVALUATE} evaluate",
        f"{ONE} 0",
    }
    single |= {f"{COMPOSE} {name}" for name in PUBLISHED}
    yield from (f"{where}: listens on {listening[where]}" for where in sorted(single) if listening[where] != PORT)
    if int(instruction(files, "EXPOSE")) != PORT or f":{PORT}/livez" not in instruction(files, "HEALTHCHECK"):
        yield f"{DOCKERFILE}: another port"
    for path, name in WORKLOADS.items():
        found = objects(files, path)
        monitor = objects(files, MONITOR)[f"PodMonitor/{name}"]["spec"]
        scraped = {each["port"] for each in monitor["podMetricsEndpoints"]}
        named = {port["name"]: port["containerPort"] for each in containers(files, path) for port in each["ports"]}
        for each in containers(files, path):
            (port,) = each["ports"]
            if port["containerPort"] != listening[f"{path} {each['name']}"]:
                yield f"{path}: {each['name']} listens on another port than it names"
            for probe, page in (("startup", "/livez"), ("liveness", "/livez"), ("readiness", "/readyz")):
                if each[f"{probe}Probe"]["httpGet"] != {"path": page, "port": port["name"]}:
                    yield f"{path}: the {probe} probe of {each['name']}"
        allowed = {port["port"] for port in found[f"NetworkPolicy/{name}"]["spec"]["ingress"][0]["ports"]}
        served = {port["name"]: port["port"] for port in found[f"Service/{name}"]["spec"]["ports"]}
        if allowed != set(named.values()) or served != named or not named.keys() <= scraped:
            yield f"{path}: ports differ between container, Service, NetworkPolicy and PodMonitor"


def check_published(files: Files) -> Iterator[str]:
    """The workers of compose can be reached from this machine alone; they start last, and stop in order."""
    found = services(files)
    for name in PUBLISHED:
        if found[name]["depends_on"].keys() != {"topics", "migrate"}:
            yield f"{COMPOSE}: {name} starts before topics and tables"
        if found[name]["volumes"] != ["rollguard:/var/lib/rollguard"]:
            yield f"{COMPOSE}: the recovery store of {name} is on no volume"
        minutes = int(re.fullmatch(r"(\d+)m", found[name]["stop_grace_period"])[1])  # type: ignore[index]
        if minutes * 60 < STOP_S_MIN:
            yield f"{COMPOSE}: {name} is killed before its last epoch is stored"
    for name, port in PUBLISHED.items():
        if found[name]["ports"] != [f"127.0.0.1:{port}:{PORT}"]:
            yield f"{COMPOSE}: the port of {name}"
    for service in found.values():
        yield from (f"{COMPOSE}: {port} is open to others" for port in service.get("ports", []) if port[:4] != "127.")


def check_clusters(files: Files) -> Iterator[str]:
    """Each process of a cluster has its own number, port and address; all know the same addresses, on loopback."""
    for path in (CLUSTER, MANY):
        processes = [params for where, params in runs(files).items() if where.startswith(path)]
        if [each["process"] for each in processes] != list(range(len(processes))) or len(processes) < 2:
            yield f"{path}: processes are not numbered from 0"
        (addresses, *others) = {each["addresses"] for each in processes}
        if others or len(set(addresses.split(";"))) != len(processes):
            yield f"{path}: not as many addresses as processes"
        if any(not address.startswith("127.0.0.1:") for address in addresses.split(";")):
            yield f"{path}: processes meet where others can reach them"
        if len({each["listen"] for each in processes}) != len(processes):
            yield f"{path}: two processes listen on one port"


def check_kubernetes(files: Files) -> Iterator[str]:
    """Names point at something, and there is one Pod with one store, which has time to stop."""
    given = objects(files, SETTINGS) | objects(files, SECRET)
    for path, name in WORKLOADS.items():
        found = objects(files, path)
        spec, inside = found[f"StatefulSet/{name}"]["spec"], pod(files, path)
        labels = spec["template"]["metadata"]["labels"]
        policy = found[f"NetworkPolicy/{name}"]["spec"]["podSelector"]["matchLabels"]
        monitor = objects(files, MONITOR)[f"PodMonitor/{name}"]["spec"]["selector"]["matchLabels"]
        service = found[f"Service/{name}"]["spec"]
        if any(each != labels for each in (spec["selector"]["matchLabels"], policy, monitor, service["selector"])):
            yield f"{path}: selectors differ from the Pod's labels"
        if spec["serviceName"] != name or service["clusterIP"] != "None":
            yield f"{path}: no headless Service"
        modes = [claim["spec"]["accessModes"] for claim in spec["volumeClaimTemplates"]]
        if spec["replicas"] != 1 or modes != [["ReadWriteOncePod"]]:
            yield f"{path}: not one Pod with a store of its own"
        if inside["terminationGracePeriodSeconds"] < STOP_S_MIN:
            yield f"{path}: killed before the last epoch is stored"
        references = {f"ConfigMap/{each['configMap']['name']}" for each in inside["volumes"]}
        for source in [source for each in containers(files, path) for source in each["envFrom"]]:
            (kind,) = source
            references.add({"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind] + f"/{source[kind]['name']}")
        yield from (f"{path}: no {each}" for each in sorted(references - given.keys()))


def check_rights(files: Files) -> Iterator[str]:
    """Containers of Kubernetes run as the image's user, write on their volume, and can do no more."""
    for path, name in WORKLOADS.items():
        inside = pod(files, path)
        user = inside["securityContext"]
        if not user["runAsNonRoot"]:
            yield f"{path}: runs as root"
        if {user["runAsUser"], user["fsGroup"]} != set(map(int, instruction(files, "USER").split(":"))):
            yield f"{path}: another user than the image's"
        claims = objects(files, path)[f"StatefulSet/{name}"]["spec"]["volumeClaimTemplates"]
        volumes = {each["name"] for each in inside["volumes"]} | {claim["metadata"]["name"] for claim in claims}
        for each in containers(files, path):
            mounts = {mount["mountPath"]: mount["name"] for mount in each["volumeMounts"]}
            if not volumes >= set(mounts.values()) or "/var/lib/rollguard" not in mounts:
                yield f"{path}: {each['name']} has its store on no volume"
            rights = each["securityContext"]
            if rights["allowPrivilegeEscalation"] or not rights["readOnlyRootFilesystem"]:
                yield f"{path}: {each['name']} has more rights than it needs"


def check_systemd(files: Files) -> Iterator[str]:
    one, many, target = unit(files, ONE), unit(files, MANY), unit(files, TARGET)
    folders = {ONE: "rollguard", MANY: "rollguard"} | {path: f"rollguard-{name}" for name, path in UNITS.items()}
    for path, folder in folders.items():
        found = unit(files, path)
        wanted = {
            "Type": "exec", "User": "rollguard", "Restart": "always", "RestartPreventExitStatus": "2",
            "StartLimitIntervalSec": "0", "KillSignal": "SIGTERM", "StateDirectory": folder,
            "StateDirectoryMode": "0700", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
            "EnvironmentFile": "/etc/rollguard/environment",
        }  # fmt: skip
        yield from (f"{path}: {name} is not {value}" for name, value in wanted.items() if found.get(name) != [value])
        if float(found["TimeoutStopSec"][0]) < STOP_S_MIN:
            yield f"{path}: killed before the last epoch is stored"
    together = {name for line in many.get("PartOf", []) for name in line.split()}
    if together != {"rollguard.target", *(f"rollguard@{number}.service" for number in range(10))}:
        yield f"{MANY}: the processes do not restart together"
    if many["WantedBy"] != ["rollguard.target"]:
        yield f"{MANY}: the target does not start the processes"
    if one["Conflicts"] != ["rollguard.target"] or target["Conflicts"] != ["rollguard.service"]:
        yield f"{TARGET}: one process and a cluster may run at once"


def check_image(files: Files) -> Iterator[str]:
    text = files[DOCKERFILE].replace("\\\n", " ")
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", text, flags=re.MULTILINE)
    if len(stages) < 2 or len({image for image, _ in stages}) != 1 or stages[-1][1]:
        yield f"{DOCKERFILE}: needs a stage to build and one to run, of the same Python"
    copies = re.findall(r"^COPY (?:--from=(\S+) )?(.+) \S+$", text, flags=re.MULTILINE)
    names = {name for _, name in stages}
    yield from (f"{DOCKERFILE}: no stage {stage}" for stage, _ in copies if stage and stage not in names)
    sources = {source for stage, line in copies if not stage for source in line.split()}
    ignored = files[".dockerignore"].splitlines()
    for source in sorted(sources):
        if not (ROOT / source).exists():
            yield f"{DOCKERFILE}: {source} is not there"
        if "*" in ignored and not any(fnmatch(source, line[1:]) for line in ignored if line[:1] == "!"):
            yield f".dockerignore: leaves out {source}"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", "constraints.txt", project["project"]["readme"], *wheel["packages"]}
    yield from (f"{DOCKERFILE}: no {each}" for each in sorted((needed | set(wheel["force-include"])) - sources))
    if "-c constraints.txt" not in text or re.search(r"index|https?://(?!127\.)", text):
        yield f"{DOCKERFILE}: packages are not pinned, or are fetched from a place that not all have"
    if not re.search(r'^ARG EXTRAS=""$', text, flags=re.MULTILINE):
        yield f"{DOCKERFILE}: extras by default"
    if instruction(files, "STOPSIGNAL") != "SIGTERM" or instruction(files, "ENTRYPOINT") != '["rollguard"]':
        yield f"{DOCKERFILE}: how it starts or stops"
    last = text.rpartition("\nFROM ")[2]
    if not re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, flags=re.MULTILINE):
        yield f"{DOCKERFILE}: runs as root"


def check_compose(files: Files) -> Iterator[str]:
    document = yaml.safe_load(interpolated(files[COMPOSE]))
    found = document["services"]
    for name, service in found.items():
        for other, rule in service.get("depends_on", {}).items():
            if rule["condition"] == "service_healthy" and "healthcheck" not in found[other]:
                yield f"{COMPOSE}: {name} waits for the health of {other}, which nobody checks"
        for volume in service.get("volumes", []):
            place = volume.partition(":")[0]
            if place not in document["volumes"] and not (place.startswith("./") and (ROOT / "infra" / place).is_dir()):
                yield f"{COMPOSE}: no volume for {volume}"
    (build,) = {msgspec.json.encode(each["build"]) for each in found.values() if "build" in each}
    if build != b'{"context":"..","dockerfile":"infra/Dockerfile"}':
        yield f"{COMPOSE}: builds something else"


CHECKS: tuple[Check, ...] = (
    check_variables, check_commands, check_policy, check_topics, check_versions, check_ports, check_published,
    check_clusters, check_kubernetes, check_rights, check_systemd, check_image, check_compose,
)  # fmt: skip


@pytest.fixture(scope="module")
def files() -> Files:
    return {path: (ROOT / path).read_text() for path in PATHS}


def test_no_file_is_left_out() -> None:
    folders = (ROOT / "infra/kubernetes", ROOT / "infra/systemd")
    assert {path.relative_to(ROOT).as_posix() for folder in folders for path in folder.iterdir()} <= set(PATHS)


@pytest.mark.parametrize("check", CHECKS)
def test_infra_agrees_with_the_program(files: Files, check: Check) -> None:
    assert list(check(files)) == []


@pytest.mark.parametrize(
    ("check", "path", "old", "new", "fault"),
    [
        (check_variables, COMPOSE, "ROLLGUARD_LOG_FORMAT", "ROLLGUARD_LOGS", "ROLLGUARD_LOGS is not read"),
        (check_variables, SETTINGS, "LOG_FORMAT: json", "LOG_FORMAT: xml", "ROLLGUARD_LOG_FORMAT = 'xml'"),
        (check_variables, ENVIRONMENT, "KAFKA__SASL_MECHANISM", "KAFKA__ACKS", "acks cannot be set"),
        (check_variables, SECRET, "https://rollguard", "chdb:///rollguard", "no ClickHouse server"),
        (check_variables, SETTINGS, "inference.events", "events", "a topic that nobody makes"),
        (check_commands, WORKER, "--listen", "--bind", "worker: ['run'"),
        (check_commands, DOCKERFILE, '["run"', '["start"', "CMD: ['start'"),
        (check_commands, COMPOSE, "[migrate]", "[migrate, now]", "migrate: ['migrate'"),
        (check_commands, MANY, "-i %i", "-i p%i", "0: ['run'"),
        (check_commands, CLUSTER, "rollguard/recovery", "rollguard/r", "not on the volume"),
        (check_policy, SETTINGS, 'pane = "10s"', 'pane = "10"', "time.pane"),
        (check_policy, CLUSTER, "/etc/rollguard", "/etc/policy", "not mounted where"),
        (check_topics, COMPOSE, "make rollguard.control", "make control", "'control', 1"),
        (check_topics, COMPOSE, "control --partitions 1 --config retention.ms=-1", "control --partitions 1", "()"),
        (check_variables, SETTINGS, "rollguard.commands", "commands", "a topic that nobody makes"),
        (
            check_variables,
            SECRET,
            "_COMMAND_KEY: CHANGE-ME-CHANGE-ME",
            "_COMMAND_KEY: CHANGE-ME",
            "_COMMAND_KEY: Expected",
        ),
        (check_topics, COMPOSE, "feedback --partitions 4", "feedback --partitions 8", "'inference.feedback', 8"),
        (check_versions, COMPOSE, "clickhouse-server:26.9", "clickhouse-server:24.1", "clickhouse-server:24.1"),
        (check_ports, DOCKERFILE, "9464/livez", "9465/livez", "another port"),
        (check_ports, DOCKERFILE, "0.0.0.0:9464", "0.0.0.0:9465", "listens on 9465"),
        (check_ports, ONE, " --recovery", " --listen 127.0.0.1:80 --recovery", "listens on 80"),
        (check_published, COMPOSE, "- 127.0.0.1:8123:8123", "- 8123:8123", "open to others"),
        (check_ports, WORKER, "/readyz", "/ready", "readiness probe"),
        (check_ports, CLUSTER, "0.0.0.0:9471", "0.0.0.0:9472", "worker-1 listens on another"),
        (check_ports, CLUSTER, "- port: 9471", "- port: 9481", "ports differ"),
        (check_ports, MONITOR, "- port: metrics-1", "- port: metrics-2", "ports differ"),
        (check_clusters, CLUSTER, '-i, "1"', '-i, "2"', "not numbered"),
        (check_clusters, CLUSTER, "127.0.0.1:9481", "127.0.0.1:9480", "not as many addresses"),
        (check_clusters, ENVIRONMENT, "127.0.0.1:9481", "10.0.0.2:9481", "others can reach"),
        (check_clusters, MANY, "947%i", "9470", "listen on one port"),
        (check_kubernetes, WORKER, "replicas: 1", "replicas: 2", "not one Pod"),
        (check_kubernetes, CLUSTER, "[ReadWriteOncePod]", "[ReadWriteMany]", "not one Pod"),
        (check_kubernetes, WORKER, "Seconds: 180", "Seconds: 30", "killed before"),
        (check_rights, WORKER, "runAsUser: 10001", "runAsUser: 1000", "another user"),
        (check_rights, CLUSTER, "runAsNonRoot: true", "runAsNonRoot: false", "as root"),
        (check_rights, WORKER, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "more rights"),
        (check_kubernetes, WORKER, "clusterIP: None", "clusterIP: ''", "headless"),
        (check_kubernetes, SECRET, "name: rollguard\n", "name: other\n", "no Secret/rollguard"),
        (check_kubernetes, MONITOR, "matchLabels: {app.kubernetes.io/name: r", "matchLabels: {app: r", "selectors"),
        (check_rights, CLUSTER, "name: state, mount", "name: stat, mount", "on no volume"),
        (check_systemd, ONE, "Restart=always", "Restart=no", "Restart is not always"),
        (check_systemd, MANY, "TimeoutStopSec=180", "TimeoutStopSec=9", "killed before"),
        (check_systemd, MANY, "rollguard@3.service", "", "do not restart together"),
        (check_systemd, MANY, "WantedBy=rollguard.target", "WantedBy=multi-user.target", "does not start"),
        (check_systemd, TARGET, "Conflicts=rollguard.service", "Conflicts=", "may run at once"),
        (check_image, DOCKERFILE, "COPY operators", "COPY operator", "operator is not there"),
        (check_image, DOCKERFILE, "COPY infra/clickhouse", "# COPY", "no infra/clickhouse"),
        (check_image, ".dockerignore", "!flows", "!flow", "leaves out flows"),
        (check_image, DOCKERFILE, "--from=build", "--from=built", "no stage built"),
        (check_image, DOCKERFILE, "AS build", "AS build\nFROM python:3-alpine", "same Python"),
        (check_image, DOCKERFILE, "USER 10001:10001", "", "as root"),
        (check_image, DOCKERFILE, "-c constraints.txt ", "", "not pinned"),
        (check_image, DOCKERFILE, 'ARG EXTRAS=""', "ARG EXTRAS=embedded", "extras by default"),
        (check_image, DOCKERFILE, "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "starts or stops"),
        (check_compose, COMPOSE, "  rollguard:\n", "  other:\n", "no volume"),
        (check_published, COMPOSE, "rollguard:/var/lib/rollguard", "rollguard:/data", "of enrich is on no volume"),
        (check_published, COMPOSE, "stop_grace_period: 3m", "stop_grace_period: 1m", "archive is killed before"),
        (check_published, COMPOSE, "9466:9464", "9464:9464", "the port of enrich"),
        (check_commands, COMPOSE, "rollguard/enrich,", "rollguard/archive,", "not on the volume"),
        (check_commands, UNITS["archive"], "rollguard-archive/recovery", "rollguard/recovery", "not on the volume"),
        (check_systemd, UNITS["enrich"], "StateDirectory=rollguard-enrich", "StateDirectory=rollguard", "StateDirec"),
        (check_kubernetes, ARCHIVE, "replicas: 1", "replicas: 2", "not one Pod"),
        (check_kubernetes, ENRICH, "name: rollguard-enrich}", "name: rollguard}", "selectors differ"),
        (check_ports, ENRICH, "0.0.0.0:9464", "0.0.0.0:9466", "listens on"),
        (
            check_variables,
            SECRET,
            "ROLLGUARD_ID_KEY: CHANGE-ME-CHANGE-ME",
            "ROLLGUARD_ID_KEY: short",
            "ROLLGUARD_ID_KEY",
        ),
        (check_compose, COMPOSE, "    healthcheck:\n", "    x-check:\n", "which nobody checks"),
        (check_compose, COMPOSE, "context: ..", "context: .", "builds something else"),
    ],
)
def test_each_check_can_fail(files: Files, check: Check, path: str, old: str, new: str, fault: str) -> None:
    assert old in files[path]
    faults = list(check({**files, path: files[path].replace(old, new)}))
    assert fault in "\n".join(faults)


def test_units_are_understood_by_systemd(files: Files, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not there")
    names = []
    for path in (ONE, MANY, TARGET, *UNITS.values()):
        name = Path(path).name.replace("@", "@0")
        # It wants programs to be there.
        (tmp_path / name).write_text(files[path].replace("/opt/rollguard/bin/rollguard", shutil.which("true") or ""))
        names.append(str(tmp_path / name))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, check=False, timeout=180
    )
    assert (done.returncode, done.stderr) == (0, "")
