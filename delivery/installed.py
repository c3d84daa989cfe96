"""The entry point of the wheel `qudag-mcp`, whose package contains the folders of the project."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Puts the folder of the package first on `sys.path`, and runs the command."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import_module("delivery.cli").app(prog_name="qudag-mcp")
