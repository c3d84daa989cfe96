"""Writes pictures of dashboards to docs/images, drawn with the answers of a real Prometheus.

    PICTURES=1 .venv/bin/pytest -n 0 tests/monitoring/test_live_platform.py

starts a platform and its Prometheus, sends traffic and calls this module. For another Prometheus:

    .venv/bin/python -m tools.dashboard_pictures FOLDER https://localhost:9090 --ca ca.crt \
      --namespace qudag-mcp-dev

FOLDER has the dashboards' JSON. The last minutes of the metrics are drawn; a load should run.
"""

from __future__ import annotations

import argparse
import json
import ssl
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx2

from tools.chromium import browser_page
from tools.dashboard_drawing import Ask, html

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs/images"
STEPS: Final = 120
WIDTH: Final = 1280
SCALE: Final = 0.6
"""Pixels of the picture for each of the page."""


def asking(http: httpx2.Client, minutes: float) -> Ask:
    """Asks a Prometheus for the last minutes."""
    end = time.time()
    start, step = end - minutes * 60, minutes * 60 / STEPS

    def ask(query: str) -> list[tuple[Mapping[str, str], list[tuple[float, float]]]]:
        parameters = {"query": query, "start": start, "end": end, "step": step}
        answer = http.get("/api/v1/query_range", params=parameters)
        found: dict[str, Any] = answer.json()
        if found["status"] != "success":
            raise ValueError(f"{query}: {found.get('error')}")
        return [
            (one["metric"], [(float(at), float(value)) for at, value in one["values"]])
            for one in found["data"]["result"]
        ]

    return ask


def draw(pages: Mapping[str, Mapping[str, Any]], ask: Ask, variables: Mapping[str, str]) -> None:
    """Write a picture of each dashboard.

    Args:
        pages: its JSON, by the name of its file.
        ask: of a Prometheus.
        variables: values for those of the dashboards.
    """
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for file, dashboard in pages.items():
            page = Path(folder) / "page.html"
            page.write_text(html(dashboard, ask, variables))
            with browser_page() as browser:
                browser.open(page.as_uri(), width=WIDTH)
                picture = browser.picture(scale=SCALE)
            stem = file.removesuffix(".json").removeprefix("qudag-mcp-")
            (FOLDER / f"dashboard-{stem}.png").write_bytes(picture)


def main() -> None:
    """Draw each dashboard of a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder with the dashboards' JSON")
    parser.add_argument("prometheus", help="URL of Prometheus")
    parser.add_argument("--ca", type=Path, help="file with the CA of its certificate")
    parser.add_argument("--namespace", required=True, help="namespace of the platform")
    parser.add_argument("--minutes", type=float, default=10, help="how much is drawn")
    chosen = parser.parse_args()
    variables = {
        "namespace": chosen.namespace,
        "job": ".+",
        "__rate_interval": "1m",
        "__range": f"{chosen.minutes:g}m",
    }
    trust = ssl.create_default_context(cafile=chosen.ca)
    pages = {
        file.name: json.loads(file.read_text()) for file in sorted(chosen.folder.glob("*.json"))
    }
    with httpx2.Client(base_url=chosen.prometheus, verify=trust, timeout=30) as http:
        draw(pages, asking(http, chosen.minutes), variables)


if __name__ == "__main__":
    main()
