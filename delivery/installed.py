"""The command as the wheel `qudag-mcp` installs it: the folders of the project in one package."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Runs the command with the wheel's own folders first on the path."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import_module("delivery.cli").app(prog_name="qudag-mcp")
