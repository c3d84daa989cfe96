"""Writes pictures of dashboards to docs/images, drawn with the answers of a real Prometheus.

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


def main() -> None:
    """Draw each dashboard of a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder with the dashboards' JSON")
    parser.add_argument("prometheus", help="URL of Prometheus")
    parser.add_argument("--ca", type=Path, help="file with the authority of its certificate")
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
    FOLDER.mkdir(exist_ok=True)
    with (
        httpx2.Client(base_url=chosen.prometheus, verify=trust, timeout=30) as http,
        tempfile.TemporaryDirectory() as folder,
    ):
        ask = asking(http, chosen.minutes)
        for file in sorted(chosen.folder.glob("*.json")):
            page = Path(folder) / "page.html"
            page.write_text(html(json.loads(file.read_text()), ask, variables))
            with browser_page() as browser:
                browser.open(page.as_uri(), width=WIDTH)
                picture = browser.picture(scale=0.6)
            name = f"dashboard-{file.stem.removeprefix('qudag-mcp-')}.png"
            (FOLDER / name).write_bytes(picture)
            print(name)


if __name__ == "__main__":
    main()
