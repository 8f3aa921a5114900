"""The parts of boards: the page's queries in Grafana's form, panels, variables and annotations."""

import re
from collections.abc import Mapping
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard, prometheus, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as models

CLICKHOUSE = models.DataSourceRef(type_val="grafana-clickhouse-datasource", uid="${clickhouse}")
PROMETHEUS = models.DataSourceRef(type_val="prometheus", uid="${prometheus}")
FOLDERS = [Path(__file__).resolve().parents[1] / "clickhouse" / name for name in ("page", "queries")]
PARAMETER = re.compile(r"\{(\w+):(?:[^{}]|\([^)]*\))+\}")
TIMESERIES, TABLE = 0, 1  # Formats of the ClickHouse data source.


def text_of(variable: str) -> str:
    """Return a variable as a text of ClickHouse's SQL, whatever it holds: quotes alone would not stop a backslash."""
    return f"decodeURLComponent('${{{variable}:percentencode}}')"


MODEL, VERSION, SLICE = text_of("model"), text_of("version"), text_of("slice")
UNTIL = "fromUnixTimestamp64Milli(${__to}, 'UTC')"
# The usual values of a question's parameters; a panel may give others.
USUAL: Mapping[str, str] = {
    "model": MODEL,
    "version": VERSION,
    "slice": SLICE,
    "slices": f"['*', {SLICE}]",
    "slis": "CAST([], 'Array(String)')",
    "began": f"(SELECT max(began) FROM evidence WHERE model = {MODEL} AND version = {VERSION} AND at <= {UNTIL})",
    "rule": text_of("rule"),
    "sli": text_of("sli"),
    "measure": "''",
    "measures": "['latency_ms']",
    "type": "''",
    "at": UNTIL,
    "from": "fromUnixTimestamp64Milli(${__from}, 'UTC')",
    "to": UNTIL,
    "since": "fromUnixTimestamp64Milli(${__from}, 'UTC')",
    "first": "0",
    "find": "''",
    "count": "300",
    "step_s": "toUInt32(greatest(intDiv(${__interval_ms}, 60000), 1) * 60)",
}


def question(name: str, **stand_for: str) -> str:
    """Return a question of infra/clickhouse, by the name of its file, with variables for its parameters."""
    path = next(folder / f"{name}.sql" for folder in FOLDERS if (folder / f"{name}.sql").exists())
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("--")]
    return PARAMETER.sub(lambda found: {**USUAL, **stand_for}[found[1]], "\n".join(lines))


class Sql(Dataquery, Builder):
    """A query of the ClickHouse data source, for which the SDK has no builder."""

    def __init__(self, sql: str, form: int) -> None:
        self._sql = sql
        self._form = form

    def build(self) -> "Sql":
        return self

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": CLICKHOUSE,
            "editorType": "sql",
            "format": self._form,
            "queryType": "table" if self._form == TABLE else "timeseries",
            "rawSql": self._sql,
            "refId": "A",
        }


def lines(title: str, about: str, sql: str, unit: str = "short") -> timeseries.Panel:
    """Return a chart; the first column of `sql` is the time."""
    panel = timeseries.Panel().title(title).description(about).datasource(CLICKHOUSE).unit(unit)
    return panel.with_target(Sql(sql, TIMESERIES)).height(8).span(12)


def rows(title: str, about: str, sql: str, width: int = 24) -> table.Panel:
    """Return a table."""
    panel = table.Panel().title(title).description(about).datasource(CLICKHOUSE)
    return panel.with_target(Sql(sql, TABLE)).height(9).span(width)


def metric(title: str, about: str, unit: str = "short", **exprs: str) -> timeseries.Panel:
    """Return a chart of Prometheus with the lines of each expression; its name, `_` as a blank, is the legend."""
    panel = timeseries.Panel().title(title).description(about).datasource(PROMETHEUS).unit(unit)
    for place, (legend, expr) in enumerate(exprs.items()):
        labels = re.findall(r"by \((\w+)\)", expr)
        shown = " ".join([legend.replace("_", " "), *(f"{{{{{label}}}}}" for label in labels)])
        panel.with_target(prometheus.Dataquery().expr(expr).legend_format(shown).ref_id(chr(ord("A") + place)))
    return panel.height(8).span(12)


def variable(name: str, sql: str) -> dashboard.QueryVariable:
    """Return a variable whose values are the rows of `sql`."""
    made = dashboard.QueryVariable(name).datasource(CLICKHOUSE).query(sql)
    return made.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.DISABLED)


def said() -> dashboard.AnnotationQuery:
    """Return the control events of the model, as marks on every chart."""
    sql = (
        "SELECT at AS time, concat(type, ' ', version) AS title, if(sentence = '', reason, sentence) AS text, "
        f"[type, rule, severity] AS tags FROM (\n{question('events', version=repr(''))}\n)"
    )
    made = dashboard.AnnotationQuery().name("what rollguard said").datasource(CLICKHOUSE).enable(True)
    made.icon_color("red").build().target = Sql(sql, TABLE)  # A query like any other; the SDK's type only knows tags.
    return made


def board(uid: str, title: str, about: str) -> dashboard.Dashboard:
    """Return a board without panels."""
    made = dashboard.Dashboard(title).uid(uid).description(about).tags(["rollguard"]).timezone("utc").readonly()
    made.time("now-3h", "now").refresh("30s").tooltip(models.DashboardCursorSync.CROSSHAIR)
    for name, kind in (("clickhouse", CLICKHOUSE.type_val), ("prometheus", PROMETHEUS.type_val)):
        made.with_variable(dashboard.DatasourceVariable(name).type(str(kind)))
    link = dashboard.DashboardLink("rollguard").type(models.DashboardLinkType.DASHBOARDS).tags(["rollguard"])
    return made.link(link.keep_time(True).include_vars(True))
