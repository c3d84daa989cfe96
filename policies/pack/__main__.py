"""The program that the engine starts for `pulumi preview --policy-pack policies/pack`."""

from __future__ import annotations

import sys
from pathlib import Path

# The engine runs this file from its folder, where the project's packages are not found.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from policies.pack.analyzer import serve

serve()
