"""`python -m delivery` is the command qudag-mcp."""

import gc

from .cli import app

gc.set_threshold(100_000)  # the SDKs' large imports make little garbage and many objects
app(prog_name="qudag-mcp")
