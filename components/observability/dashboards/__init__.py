"""Grafana dashboards of a platform, as code."""

from __future__ import annotations

from .pages import DashboardOptions, pages

__all__ = ["DashboardOptions", "dashboards"]


def dashboards(options: DashboardOptions) -> dict[str, str]:
    """Every dashboard of a platform: the name of a file and its text, Grafana's JSON."""
    from .grafana import grafana_json

    return {
        f"{page.uid}.json": grafana_json(page, namespaces=options.namespaces)
        for page in pages(options)
    }
