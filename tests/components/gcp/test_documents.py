"""Google's own types read the dashboard, the alert policies and the budget."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from tests.harness.cloud_documents import by_python, needs_cloud_documents

from .test_monitoring import POLICY, graph

pytestmark = [pytest.mark.slow, needs_cloud_documents]

READ: Final = """
import json, sys
from google.cloud.billing.budgets_v1.types import Budget
from google.cloud.monitoring_dashboard_v1.types import Dashboard
from google.cloud.monitoring_v3.types import AlertPolicy, NotificationChannel
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
types = {one.__name__: one for one in (AlertPolicy, Budget, Dashboard, NotificationChannel)}
answer = []
for name, given in json.load(sys.stdin):
    try:
        read = ParseDict(given, types[name].pb(types[name]()), ignore_unknown_fields=False)
    except ParseError as error:
        answer.append({"refused": str(error)})
    else:
        answer.append({"read": MessageToDict(read)})
json.dump(answer, sys.stdout)
"""


def read(*documents: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What Google's type makes of each document, or why it refuses it."""
    return by_python(READ, documents)


def dashboard() -> dict[str, Any]:
    made = graph().one("gcp:monitoring/dashboard:Dashboard", name="alarms-dashboard")
    return json.loads(made.inputs["dashboardJson"])


def policies() -> list[dict[str, Any]]:
    return [
        {key: value for key, value in one.inputs.items() if key != "project"}
        for one in graph().all(POLICY)
    ]


def budget() -> dict[str, Any]:
    """As the API takes it: the provider has other names for three fields."""
    given = dict(graph().one("gcp:billing/budget:Budget", name="alarms-budget").inputs)
    del given["billingAccount"]
    given["notificationsRule"] = given.pop("allUpdatesRule")
    labels = given["budgetFilter"]["labels"]
    given["budgetFilter"] = {
        **given["budgetFilter"],
        "labels": {name: [value] for name, value in labels.items()},
    }
    return given


def test_googles_types_know_every_field():
    (channel,) = graph().all("gcp:monitoring/notificationChannel:NotificationChannel")
    mail = {key: value for key, value in channel.inputs.items() if key != "project"}
    documents = [
        ("Dashboard", dashboard()),
        ("Budget", budget()),
        ("NotificationChannel", mail),
        *(("AlertPolicy", one) for one in policies()),
    ]
    answers = read(*documents)
    assert [one["refused"] for one in answers if "refused" in one] == []
    drawn, costs, _, *alerts = (one["read"] for one in answers)
    assert len(drawn["mosaicLayout"]["tiles"]) == len(dashboard()["mosaicLayout"]["tiles"]) >= 16
    assert costs["amount"]["specifiedAmount"]["units"] == "500"
    assert len(alerts) >= 20
    # A value that an enumeration does not have would be lost.
    assert {one["severity"] for one in alerts} == {"CRITICAL", "WARNING"}
    assert {one["combiner"] for one in alerts} == {"OR"}


def test_googles_types_refuse_what_they_do_not_know():
    policy = policies()[0]
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("AlertPolicy", {**policy, "notificationChannel": []}),
        ("AlertPolicy", {**policy, "severity": "HIGH"}),
        ("AlertPolicy", {**policy, "conditions": [{"conditionPromQL": {"query": "up"}}]}),
        ("Dashboard", {**dashboard(), "tiles": []}),
        ("Budget", {**budget(), "limit": 500}),
    ]
    assert ["refused" in one for one in read(*wrong)] == [True] * 5
