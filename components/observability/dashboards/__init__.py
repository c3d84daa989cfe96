"""Grafana dashboards of a platform, as code."""

from __future__ import annotations

from .pages import DashboardOptions, pages

__all__ = ["DashboardOptions", "dashboard_texts", "dashboards"]


def dashboards(options: DashboardOptions) -> dict[str, str]:
    """Every dashboard of a platform: the name of a file and its text, Grafana's JSON.

    The names are the same for each platform, and the uids and titles are not.
    """
    from .grafana import grafana_json

    return {
        f"{page.name}.json": grafana_json(page, namespaces=options.namespaces)
        for page in pages(options)
    }


def dashboard_texts(options: DashboardOptions) -> dict[str, str]:
    """The same by the name alone, as components take them."""
    return {name.removesuffix(".json"): text for name, text in dashboards(options).items()}
