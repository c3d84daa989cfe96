"""`python -m delivery` is the command qudag-mcp."""

import atexit
import gc
import signal


def main() -> None:
    answered = signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C while loading just ends it
    gc.set_threshold(1_000_000)  # the SDKs' large imports make little garbage and many objects
    atexit.register(gc.freeze)  # else Python looks at each of them once more as it ends
    from .cli import app

    signal.signal(signal.SIGINT, answered)
    app(prog_name="qudag-mcp")


main()
