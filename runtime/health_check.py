"""Asks the server on this machine for `/health`: the health check of a container.

It uses the standard library only, because it runs every few seconds.
"""

from __future__ import annotations

import http.client

from .server_config import ServerSection
from .toml_config import StartError

WITHIN_SECONDS = 3
EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to


def check(server: ServerSection) -> None:
    """Raise `StartError` unless `/health` on the plain port answers 200.

    The plain port serves `/health` with and without TLS.
    """
    host = "localhost" if server.host in EVERY_ADDRESS else server.host
    connection = http.client.HTTPConnection(host, server.port, timeout=WITHIN_SECONDS)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        why = f"{type(error).__name__}: no answer from {host}:{server.port}/health"
        raise StartError(why) from None
    finally:
        connection.close()
    if status != http.client.OK:
        raise StartError(f"{host}:{server.port}/health answered {status}")
