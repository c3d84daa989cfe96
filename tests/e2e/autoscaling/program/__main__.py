"""The stacks of this repository, under another configuration."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from stacks.program import main

main()
