"""Start scripts for programs that end their work in order on another signal than SIGTERM."""

from __future__ import annotations


def graceful_start(command: str, *, stop: str, before: str = "") -> str:
    """A shell script that runs ``command`` and turns SIGTERM into the signal it drains on.

    Kubernetes sends SIGTERM; nginx and PostgreSQL would cut their clients off on it (an image may
    name another signal, but not every build of it does).

    Args:
        command: the program and its arguments, as shell text.
        stop: name of the signal, without SIG.
        before: shell lines to run first.
    """
    return f"""\
set -eu
{before}{command} &
pid=$!
trap 'kill -{stop} $pid' TERM INT
# The first wait ends when the signal comes, the second when the program has ended.
wait $pid || true
while kill -0 $pid 2>/dev/null; do wait $pid || true; done
"""
