"""What a client meets at the public address without a token, as modules of blackbox_exporter."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

TIMEOUT: Final = "10s"
UNAUTHORIZED: Final = "unauthorized"
METADATA: Final = "metadata"


def blackbox_config(mcp_url: str, prm_url: str, host: str, ca_file: str | None) -> str:
    """The content of blackbox.yml.

    The address that is asked is a parameter of the probe; ``host`` is the name that its
    certificate must be for, whatever that address is.

    Args:
        mcp_url: the MCP endpoint, as clients know it.
        prm_url: its protected-resource metadata (RFC 9728).
        host: of these URLs.
        ca_file: authority that signs the certificate; None: those of the image.
    """
    tls = {"server_name": host, **({"ca_file": ca_file} if ca_file else {})}
    made = {
        UNAUTHORIZED: {
            "method": "POST",
            "headers": _headers(host, {"Content-Type": "application/json"}),
            "body": "{}",
            "valid_status_codes": [401],
            "fail_if_header_not_matches": [
                {
                    "header": "WWW-Authenticate",
                    "regexp": f'resource_metadata="{re.escape(prm_url)}"',
                    "allow_missing": False,
                }
            ],
        },
        METADATA: {
            "method": "GET",
            "headers": _headers(host, {}),
            "valid_status_codes": [200],
            "fail_if_body_json_not_matches_cel": f"body.resource == {json.dumps(mcp_url)}",
        },
    }
    modules: dict[str, Any] = {
        name: {
            "prober": "http",
            "timeout": TIMEOUT,
            "http": {
                **http,
                "fail_if_not_ssl": True,
                "follow_redirects": False,
                "tls_config": tls,
            },
        }
        for name, http in made.items()
    }
    return json.dumps({"modules": modules}, indent=1) + "\n"


def _headers(host: str, further: Mapping[str, str]) -> dict[str, str]:
    return {"Host": host, "Accept": "application/json, text/event-stream", **further}
