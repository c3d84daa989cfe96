"""The start script of the gateway's nginx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .start_script import graceful_start

CONF: Final = "/etc/nginx/nginx.conf"
LOOK_SECONDS: Final = 10
"""How often the certificates' files are compared."""
STOPPING: Final = "/tmp/stopping"  # noqa: S108  (an emptyDir of the pod's own)
"""This file exists for ``closing`` seconds before nginx is stopped."""


def nginx_start(certificates: Sequence[str], *, closing: int = 0) -> str:
    """A script that starts nginx, and has it read its files again when ``certificates`` change.

    nginx finishes requests with the files that it had. It keeps those also if the new ones do not
    fit each other, and logs why.

    Args:
        certificates: absolute paths.
        closing: seconds between SIGTERM and the end of nginx's listening, in which its
            configuration may have every answer close its connection; see STOPPING.
    """
    before = f"""\
conf={CONF}
{f"rm -f {STOPPING}{chr(10)}" if closing else ""}\
# nginx does not start if a kernel without IPv6 is to listen on it.
if [ ! -e /proc/net/if_inet6 ]; then
    sed '/listen \\[::\\]/d' "$conf" > /tmp/nginx.conf
    conf=/tmp/nginx.conf
fi
certificates() {{ cat {" ".join(certificates)} 2>/dev/null | cksum; }}
read_last=$(certificates)
"""
    # In a subshell, so that $! stays the id of nginx, which gets the stop signal.
    after = f"""\
(
    while sleep {LOOK_SECONDS} && kill -0 "$pid" 2>/dev/null; do
        found=$(certificates)
        if [ "$found" != "$read_last" ]; then
            read_last=$found
            echo "certificates changed: nginx reads them" >&2
            kill -HUP "$pid"
        fi
    done &
)
"""
    command = "nginx -c \"$conf\" -g 'daemon off;'"
    before_stop = f"touch {STOPPING}; sleep {closing}" if closing else ""
    return graceful_start(command, stop="QUIT", before=before, after=after, before_stop=before_stop)
