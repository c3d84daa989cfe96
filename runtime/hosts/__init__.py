"""Adapters of the server to the programs of function and container hosts."""

import gc

gc.set_threshold(100_000)  # a tenth of the start was garbage collection of imported objects
