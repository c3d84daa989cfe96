"""The file by which programs of Prometheus serve their API over TLS (exporter-toolkit)."""

from __future__ import annotations

import json

from ..mcp.server_config import INTERNAL_TLS_PATH


def web_config() -> str:
    """The content of the file: the certificate of the workload, TLS 1.2 or newer."""
    tls = {
        "cert_file": f"{INTERNAL_TLS_PATH}/tls.crt",
        "key_file": f"{INTERNAL_TLS_PATH}/tls.key",
        "min_version": "TLS12",
    }
    return json.dumps({"tls_server_config": tls}, indent=1) + "\n"
