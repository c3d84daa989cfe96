"""The stack dev of this repository, in a namespace of its own."""

import sys

sys.path.insert(0, "PROJECT")

from stacks.program import main

main()
