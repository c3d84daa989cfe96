"""Alert rules on Azure by what Azure publishes: its models, and its parser of KQL.

DuckDB evaluates the queries on rows; `duckdb-kql` translates them, and is not Azure's.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final, cast

import pytest

from components.azure.tokens import ACTION_GROUP, LOG_ALERT, METRIC_ALERT
from tests.harness.azure_monitoring import graph, items, name_of, query
from tests.harness.cloud_documents import by_node, by_python, needs_cloud_documents

pytestmark = [pytest.mark.slow, needs_cloud_documents]

TABLES: Final = {
    # "Azure Monitor Logs reference", the columns that the queries may read
    "ContainerAppConsoleLogs": "(TimeGenerated: datetime, ContainerAppName: string, "
    "ContainerName: string, Log: string, RevisionName: string, Stream: string)",
    "AppRequests": "(TimeGenerated: datetime, AppRoleName: string, AppRoleInstance: string, "
    "ResultCode: string, Success: bool, DurationMs: real, ItemCount: int, Url: string)",
}
PARSE: Final = """
require('@kusto/language-service-next/bridge.min.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
const {KustoCode, GlobalState, Symbols} = Kusto.Language;
const {tables, queries} = JSON.parse(require('fs').readFileSync(0));
const {TableSymbol, DatabaseSymbol} = Symbols;
const known = Object.entries(tables).map(([name, of]) => new TableSymbol.$ctor7(name, of, null));
const database = new DatabaseSymbol.ctor('workspace', known);
const state = GlobalState.Default.WithDatabase(database);
const answer = queries.map(text => {
  const code = KustoCode.ParseAndAnalyze(text, state);
  const found = code.GetDiagnostics(), problems = [];
  for (let i = 0; i < found.Count; i++) {
    const one = found.getItem(i);
    problems.push(`${one.Severity} ${one.Code}: ${one.Message}`);
  }
  const columns = {}, type = code.ResultType;
  if (type && type.Columns) for (let i = 0; i < type.Columns.Count; i++) {
    columns[type.Columns.getItem(i).Name] = type.Columns.getItem(i).Type.Name;
  }
  return {problems, columns};
});
console.log(JSON.stringify(answer));
"""
MODELS: Final = """
import json, sys
from azure.mgmt.monitor import models
from azure.mgmt.monitor._utils.serialization import Deserializer, Serializer
classes = {name: one for name, one in vars(models).items() if isinstance(one, type)}
answer, unknown = [], []
for name, body in json.load(sys.stdin):
    read = Deserializer(classes)(name, body)
    if name == "MetricAlertResource":  # whose criteria keep what they do not know
        for one in (read.criteria, *read.criteria.all_of):
            unknown += one.additional_properties or {}
    answer.append(Serializer(classes).body(read, name))
values = {
    one.__name__: [str(each.value) for each in one]
    for one in (models.ConditionOperator, models.TimeAggregation, models.Operator,
                models.AggregationTypeEnum)
}
json.dump({"bodies": answer, "unknown": unknown, "values": values}, sys.stdout)
"""
EVALUATE: Final = """
import json, sys
from datetime import datetime, timedelta, timezone
import duckdb_kql
given = json.load(sys.stdin)
connection = duckdb_kql.connect()
connection.sql("CREATE TABLE ContainerAppConsoleLogs (TimeGenerated TIMESTAMP, "
               "ContainerAppName VARCHAR, ContainerName VARCHAR, Log VARCHAR)")
connection.sql("CREATE TABLE AppRequests (TimeGenerated TIMESTAMP, AppRoleName VARCHAR, "
               "AppRoleInstance VARCHAR, ResultCode VARCHAR, DurationMs DOUBLE, ItemCount INTEGER)")
def literal(value):
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
now = datetime.now(timezone.utc).replace(tzinfo=None)
answer = []
for table, rows, query in given:
    connection.sql(f"DELETE FROM {table}")
    dated = ((str(now - timedelta(seconds=row[0])), *row[1:]) for row in rows)
    values = ", ".join(f"({', '.join(map(literal, row))})" for row in dated)
    connection.sql(f"INSERT INTO {table} VALUES {values}")
    answer.append(len(duckdb_kql.query(connection, query).fetchall()))
json.dump(answer, sys.stdout)
"""


def every_query() -> list[str]:
    alerts = [
        each["query"] for one in graph().all(LOG_ALERT) for each in one.inputs["criteria"]["allOf"]
    ]
    return [*alerts, *(one["content"]["query"] for one in items() if one["type"] == 3)]


WRONG: Final = (
    "AppRequests | where Status >= 500",
    "AppRequests | summarize sumif(ItemCount, Success) by bin(TimeGenerated 5m)",
    "ContainerLogs | take 1",
    "AppRequests | where ResultCode >= 500",
)


@cache
def parsed() -> list[dict[str, Any]]:
    return by_node(PARSE, {"tables": TABLES, "queries": [*every_query(), *WRONG]})


def test_azures_parser_accepts_every_query_and_knows_its_columns():
    queries = every_query()
    assert len(queries) == 9 + 7
    for text, read in zip(queries, parsed(), strict=False):
        assert read["problems"] == [], text
        assert read["columns"], text


def test_azures_parser_refuses_what_is_wrong():
    assert all(one["problems"] for one in parsed()[-len(WRONG) :])


def body(inputs: dict[str, Any]) -> dict[str, Any]:
    """What the provider sends: all but a few properties are in ``properties``."""
    outside = {"location", "tags", "kind"}
    named = {"resourceGroupName", "ruleName", "actionGroupName"}
    inner = {k: v for k, v in inputs.items() if k not in outside | named}
    if "odataType" in inner.get("criteria", {}):
        inner["criteria"] = dict(inner["criteria"])
        inner["criteria"]["odata.type"] = inner["criteria"].pop("odataType")
    return {**{k: inputs[k] for k in outside & inputs.keys()}, "properties": inner}


def without_nulls(value: Any) -> Any:
    match value:
        case dict():
            given = cast("dict[str, Any]", value)
            return {k: without_nulls(v) for k, v in given.items() if v is not None}
        case list():
            return [without_nulls(each) for each in cast("list[Any]", value)]
        case _:
            return value


def test_azures_models_read_every_rule_and_lose_nothing():
    models = {
        LOG_ALERT: "ScheduledQueryRuleResource",
        METRIC_ALERT: "MetricAlertResource",
        ACTION_GROUP: "ActionGroupResource",
    }
    bodies = [
        (model, body(one.inputs)) for token, model in models.items() for one in graph().all(token)
    ]
    assert len(bodies) >= 25
    answer = by_python(MODELS, bodies)
    # A property that a model does not have is dropped, so that it is missing afterwards.
    for (model, given), read in zip(bodies, answer["bodies"], strict=True):
        assert without_nulls(read) == given, model
    assert answer["unknown"] == []
    values = answer["values"]
    for one in graph().all(LOG_ALERT):
        (criterion,) = one.inputs["criteria"]["allOf"]
        assert criterion["operator"] in values["ConditionOperator"]
        assert criterion["timeAggregation"] in values["TimeAggregation"]
    for one in graph().all(METRIC_ALERT):
        (criterion,) = one.inputs["criteria"]["allOf"]
        assert criterion["operator"] in values["Operator"]
        assert criterion["timeAggregation"] in values["AggregationTypeEnum"]


Row = list[Any]
"""Seconds ago, and the other columns."""


@cache
def app() -> str:
    return name_of("azure-native:app:ContainerApp", "run-app", "containerAppName")


@cache
def site() -> str:
    return name_of("azure-native:web:WebApp", "call-app", "name")


def line(ago: int, status: int | None = 200, seconds: float = 0.1, **more: Any) -> Row:
    """A line in the log of the app's server, as the server writes it."""
    facts = {"event": "request", "path": "/mcp", "status": status, "seconds": seconds, **more}
    return [ago, app(), "server", json.dumps(facts)]


def minutes(count: int, *, one_in: int, begin: int = 0) -> list[Row]:
    """50 requests in each minute, of which one of so many fails from a minute on."""
    return [
        line(number * 60 // 50, 500 if number >= begin * 50 and number % one_in == 0 else 200)
        for number in range(count * 50)
    ]


def call(ago: int, code: str, items: int, milliseconds: float = 100, instance: str = "0") -> Row:
    return [ago, site(), instance, code, milliseconds, items]


def raised(*asked: tuple[str, list[Row]]) -> list[bool]:
    """Whether the alert of each role is raised by rows."""
    given = [(query(role).splitlines()[0], rows, query(role)) for role, rows in asked]
    return [rows > 0 for rows in by_python(EVALUATE, given)]


def test_an_objective_burns_at_the_workbooks_rates():
    fast, slowly = "run-availability-burns-fast", "run-availability-burns-slowly"
    cases = [
        # For 99.9 % the burn rate of 14.4 is 1 in 69.4, and that of 6 is 1 in 166.7.
        (fast, minutes(60, one_in=65), True),
        (fast, minutes(60, one_in=150), True),
        (fast, minutes(60, one_in=180), False),
        # It burned, and stopped 35 minutes ago: the short windows are below.
        (fast, minutes(60, one_in=10, begin=35), False),
        # It burned in the last 4 minutes only: the long windows are below.
        (fast, [*minutes(4, one_in=60), *(line(1000) for _ in range(2000))], False),
        # 6 requests of 2,000 a day are the burn rate of 3.
        (slowly, [line(30, 500) for _ in range(7)] + [line(60) for _ in range(1993)], True),
        (slowly, [line(30, 500) for _ in range(5)] + [line(60) for _ in range(1995)], False),
        # Three hours ago: the short window of two hours has none.
        (slowly, [line(10_800, 500) for _ in range(90)] + [line(60) for _ in range(910)], False),
    ]
    assert raised(*((role, rows) for role, rows, _ in cases)) == [wanted for *_, wanted in cases]


def test_what_is_counted():
    fast, late = "run-availability-burns-fast", "run-latency-burns-fast"
    well = [line(60) for _ in range(100)]
    cases = [
        (fast, [*well, *(line(60, 503) for _ in range(9))], True),
        # 4xx are the client's; a client that went away has no status.
        (fast, [*well, *(line(60, 429) for _ in range(50))], False),
        (fast, [*well, *(line(60, None) for _ in range(50))], False),
        # Other events, other containers, other apps, and lines that are not JSON.
        (fast, [*well, *(line(60, 500, event="audit") for _ in range(50))], False),
        (fast, [*well, *([60, app(), "program", line(60, 500)[3]] for _ in range(50))], False),
        (fast, [*well, *([60, "other", "server", line(60, 500)[3]] for _ in range(50))], False),
        (fast, [*well, *([60, app(), "server", "Traceback: 500"] for _ in range(50))], False),
        (fast, [*well, *(line(60, 503, path="/ready") for _ in range(50))], False),
        # Above 72 %, or above 30 % over six hours, are slower than 2.5 s.
        (late, [line(60, seconds=2.6) for _ in range(73)] + [line(60) for _ in range(27)], True),
        (late, [line(60, seconds=2.5) for _ in range(73)] + [line(60) for _ in range(27)], False),
        (late, [line(60, seconds=9) for _ in range(31)] + [line(60) for _ in range(69)], True),
        (late, [line(60, seconds=9) for _ in range(30)] + [line(60) for _ in range(70)], False),
    ]
    assert raised(*((role, rows) for role, rows, _ in cases)) == [wanted for *_, wanted in cases]


def test_a_function_counts_what_a_sampled_row_stands_for():
    fast, late = "call-availability-burns-fast", "call-latency-burns-fast"
    cases = [
        (fast, [call(60, "500", 20), call(60, "200", 980)], True),
        (fast, [call(60, "500", 1), call(60, "200", 999)], False),
        (fast, [[60, "other", "0", "500", 1.0, 99], call(60, "200", 1)], False),
        (late, [call(60, "200", 80, 2600), call(60, "200", 20)], True),
        (late, [call(60, "200", 20, 2600), call(60, "200", 80)], False),
    ]
    assert raised(*((role, rows) for role, rows, _ in cases)) == [wanted for *_, wanted in cases]


def test_instances_are_at_their_maximum_for_a_quarter_of_an_hour():
    def handled(minutes: int, instances: int) -> list[Row]:
        return [
            call(60 * minute + 30, "200", 1, instance=str(instance))
            for minute in range(minutes)
            for instance in range(instances)
        ]

    cases = [(handled(30, 40), True), (handled(30, 39), False), (handled(10, 40), False)]
    assert raised(*(("call-instances", rows) for rows, _ in cases)) == [one for _, one in cases]
