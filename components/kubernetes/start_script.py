"""Start scripts for programs that shut down gracefully on a signal other than SIGTERM."""

from __future__ import annotations


def graceful_start(
    command: str, *, stop: str, before: str = "", after: str = "", before_stop: str = ""
) -> str:
    """A shell script that runs ``command`` and sends it ``stop`` when it receives SIGTERM.

    Kubernetes sends SIGTERM, on which nginx and PostgreSQL disconnect their clients (an image may
    name another signal, but not every build of it does).

    Args:
        command: the program and its arguments, as shell text.
        stop: name of the signal, without SIG.
        before: shell lines to run first.
        after: shell lines to run once the program is started; its process id is ``$pid``. They must
            leave ``$!`` as it is.
        before_stop: shell commands in one line to run before the signal is sent.
    """
    first = f"{before_stop}; " if before_stop else ""
    return f"""\
set -eu
# Before the program runs nothing has to be drained; without a trap, process 1 would not even stop.
trap 'if [ "${{!-}}" ]; then {first}kill -{stop} "$!" || true; else exit 143; fi' TERM INT
{before}{command} &
pid=$!
{after}while :; do
    # A wait ends early when a signal comes; the last one has the program's own status, unless the
    # program ended between that early end and the next line. Then its status is still to be had.
    wait "$pid" && status=0 || status=$?
    kill -0 "$pid" 2>/dev/null && continue
    wait "$pid" 2>/dev/null && late=0 || late=$?
    [ "$late" = 127 ] || status=$late
    exit "$status"
done
"""
