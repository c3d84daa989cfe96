"""The server under each host's own program, a thin adapter a host."""

import gc

gc.set_threshold(100_000)  # a start imports many objects that stay: to look at them costs a tenth
