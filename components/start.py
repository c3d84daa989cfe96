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
pid=
# Before the program runs nothing has to be drained; without a trap, process 1 would not even stop.
trap 'if [ "$pid" ]; then kill -{stop} "$pid" || true; else exit 143; fi' TERM INT
{before}{command} &
pid=$!
# A wait ends early when a signal comes; the last one has the program's own exit status.
while :; do
    wait "$pid" && status=0 || status=$?
    kill -0 "$pid" 2>/dev/null || exit "$status"
done
"""
