"""The start script of the gateway's nginx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .start_script import graceful_start

CONF: Final = "/etc/nginx/nginx.conf"
LOOK_SECONDS: Final = 10
"""How often the certificates' files are compared."""


def nginx_start(certificates: Sequence[str]) -> str:
    """A script that starts nginx, and has it read its files again when ``certificates`` change.

    nginx finishes requests with the files that it had. It keeps those also if the new ones do not
    fit each other, and logs why.
    """
    before = f"""\
conf={CONF}
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
    return graceful_start(command, stop="QUIT", before=before, after=after)
