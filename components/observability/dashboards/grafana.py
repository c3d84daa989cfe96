"""A dashboard in Grafana's own format, by Grafana's library for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    AxisPlacement,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from ..rules.alert import uid_of
from .dashboard import PREFIX, Dashboard, Panel, Query

TAG: Final = "qudag-mcp"
"""A tag of the dashboards of every platform. Another one has the platform's namespace."""
SOURCE: Final = "datasource"
HEIGHT, COLUMNS, WIDTH = 8, 24, 12
_VERSIONS: Final = 'group by (job, version) (qudag_mcp_server_build_info{namespace=~"$namespace"}'
ROLLOUTS: Final = f"{_VERSIONS}) unless {_VERSIONS} offset 5m)"
"""Has a value in the first five minutes of a version of a server."""


def grafana_json(one: Dashboard, *, namespaces: Sequence[str]) -> str:
    """The file that Grafana reads: the dashboard of the platform in these namespaces.

    Its uid, its title and the tag that its links follow have the platform's own namespace, the
    first: a Grafana may show several platforms, and takes a title once in a folder.
    """
    page = json.loads(json.dumps(_built(one, namespaces), cls=JSONEncoder))
    for number, panel in enumerate(page["panels"], start=1):
        panel["id"] = number
    for variable in page["templating"]["list"]:
        # The library writes fields of interval variables into every variable.
        for name in ("auto", "auto_min", "auto_count"):
            del variable[name]
    return json.dumps(page, indent=1) + "\n"


def _built(one: Dashboard, namespaces: Sequence[str]) -> Any:
    platform = namespaces[0]
    own_tag = f"{TAG}: {platform}"
    page = (
        dashboard.Dashboard(f"{one.title} ({platform})")
        .uid(uid_of(platform, one.name.removeprefix(PREFIX)))
        .description(one.purpose)
        .tags([TAG, own_tag])
        .readonly()
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Other dashboards")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([own_tag])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .annotation(
            dashboard.AnnotationQuery()
            .name("Rollouts")
            .datasource(_source())
            .enable(True)
            .icon_color("purple")
            .expr(ROLLOUTS)
        )
    )
    for variable in _variables(one.jobs, list(namespaces)):
        page = page.with_variable(variable)
    for section in one.sections:
        page = page.with_row(dashboard.Row(section.title))
        for panel in section.panels:
            page = page.with_panel(_panel(panel))
    return page.build()


def _source() -> DataSourceRef:
    return DataSourceRef(type_val="prometheus", uid=f"${{{SOURCE}}}")


def _variables(jobs: Sequence[str], namespaces: list[str]) -> list[Any]:
    chosen = list(jobs) or ["$__all"]
    return [
        dashboard.DatasourceVariable(SOURCE).label("Data source").type("prometheus"),
        dashboard.QueryVariable("namespace")
        .label("Namespace")
        .datasource(_source())
        .query("label_values(up, namespace)")
        .multi(True)
        .current(VariableOption(selected=True, text=namespaces, value=namespaces))
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC),
        dashboard.QueryVariable("job")
        .label("Server")
        .datasource(_source())
        .query('label_values(up{namespace=~"$namespace"}, job)')
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(VariableOption(selected=True, text=list(jobs) or ["All"], value=chosen))
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC),
    ]


def _panel(one: Panel) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(one.title)
        .description(one.meaning)
        .datasource(_source())
        .unit(one.unit.value)
        .height(HEIGHT)
        .span(WIDTH)
        .draw_style(GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(10)
        .show_points(VisibilityMode.NEVER)
        .axis_placement(AxisPlacement.AUTO)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
        )
        .tooltip(
            common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
        )
    )
    if one.at_least is not None:
        panel = panel.min(one.at_least)
    if one.at_most is not None:
        panel = panel.max(one.at_most)
    if one.limit is not None:
        steps = [Threshold(value=None, color="green"), Threshold(value=one.limit, color="red")]
        panel = panel.thresholds(
            dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
        ).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        )
    for letter, query in zip("ABCDEFGHIJ", one.queries, strict=False):
        panel = panel.with_target(_query(letter, query))
    return panel


def _query(letter: str, one: Query) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .ref_id(letter)
        .datasource(_source())
        .expr(one.expr)
        .legend_format(one.legend)
        .range()
    )
