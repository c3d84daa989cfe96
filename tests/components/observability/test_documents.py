"""Rules, routes, dashboards and configurations are texts; a mapping is refused with a fix."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components import (
    AlertmanagerArgs,
    GrafanaArgs,
    GrafanaDashboardsArgs,
    OperatorObservabilityArgs,
    StandaloneObservabilityArgs,
)
from components.base.arguments import arguments
from components.base.problems import ProblemReport

FIELDS = [
    (OperatorObservabilityArgs, "rules"),
    (OperatorObservabilityArgs, "routes"),
    (OperatorObservabilityArgs, "modules"),
    (StandaloneObservabilityArgs, "rules"),
    (AlertmanagerArgs, "config"),
    (GrafanaArgs, "dashboards"),
    (GrafanaDashboardsArgs, "dashboards"),
]


@pytest.mark.parametrize(("cls", "field"), FIELDS)
@pytest.mark.parametrize("value", [{"groups": []}, pulumi.Output.from_input("{}")])
def test_a_document_that_is_no_text_is_refused_with_the_function_to_call(
    cls: type[Any], field: str, value: Any
):
    given = {"overview": value} if field == "dashboards" else value
    with pytest.raises(ProblemReport) as refused:
        arguments(cls, {field: given}, at="made")
    (found,) = [one for one in refused.value.problems if one.path.startswith(f"made.{field}")]
    assert "json.dumps(...)" in found.fix
    assert "--verbose" not in found.fix
    if isinstance(value, dict):
        assert found.consequence == "it is written to a file, and a file has text"
