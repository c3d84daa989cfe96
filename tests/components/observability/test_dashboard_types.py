"""Dashboards are what Grafana's own types say, as the TypeScript compiler reads them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.chromium import CACHE

from .test_dashboards import made, panels_of

TYPES = CACHE / "grafana-types"
COMPILER = TYPES / "node_modules/typescript/bin/tsc"
SETTINGS: dict[str, Any] = {
    "compilerOptions": {
        "strict": True,
        "noEmit": True,
        "skipLibCheck": True,
        "module": "nodenext",
        "moduleResolution": "nodenext",
        "target": "es2022",
        "types": [],
    },
    "files": ["pages.ts"],
}
# An enum of TypeScript takes none of its own values as a text of JSON; Plain does.
HEAD = """\
import type { Dashboard } from '@grafana/schema';
import type { Options, FieldConfig } from
  '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
type Plain<T> = T extends string ? `${T}` : T extends readonly (infer U)[] ? Plain<U>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not COMPILER.exists() or shutil.which("node") is None,
        reason="needs Node.js and tools/grafana-types",
    ),
]


def refusals(pages: list[dict[str, Any]], folder: Path) -> list[str]:
    """What the compiler says against pages."""
    lines = [HEAD]
    for number, page in enumerate(pages):
        # The data source of Prometheus reads `expr`; the type has the fields of all sources only.
        for annotation in page["annotations"]["list"]:
            del annotation["expr"]
        lines.append(f"export const page{number}: Plain<Dashboard> = {json.dumps(page)};")
        for panel in panels_of(page):
            name = f"{number}_{panel['id']}"
            custom = panel["fieldConfig"]["defaults"]["custom"]
            lines += [
                f"export const options{name}: Plain<Options> = {json.dumps(panel['options'])};",
                f"export const fields{name}: Plain<FieldConfig> = {json.dumps(custom)};",
            ]
    (folder / "pages.ts").write_text("\n".join(lines))
    (folder / "tsconfig.json").write_text(json.dumps(SETTINGS))
    (folder / "node_modules").symlink_to(TYPES / "node_modules")
    done = subprocess.run(
        ["node", COMPILER, "-p", folder], capture_output=True, text=True, check=False, timeout=300
    )
    found = [line for line in done.stdout.splitlines() if "error TS" in line]
    assert bool(found) == bool(done.returncode), done.stdout + done.stderr
    return found


def test_every_page_has_the_types_of_grafana(tmp_path: Path):
    assert refusals(list(made().values()), tmp_path) == []


@pytest.mark.parametrize("mistake", ["unknown field", "wrong value", "wrong option"])
def test_the_compiler_sees_a_mistake(mistake: str, tmp_path: Path):
    page = made()["qudag-mcp-qudag.json"]
    [first, *_] = panels_of(page)
    if mistake == "unknown field":
        page["refreshes"] = "30s"
    elif mistake == "wrong value":
        page["templating"]["list"][0]["type"] = "queries"
    else:
        first["options"]["legend"]["displayMode"] = "columns"
    assert len(refusals([page], tmp_path)) == 1
