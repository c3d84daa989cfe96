"""What programs of Prometheus have in common: flags, and the file by which they serve TLS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import pulumi

from ..kubernetes.container import Files
from ..mcp.server_config import INTERNAL_TLS_PATH

WEB_CONFIG: Final = "web.yml"


def prometheus_flags(folder: str, file: str, port: int, *, web: str | None = None) -> list[str]:
    """The flags that each of them takes.

    Args:
        folder: of its configuration.
        file: name of the configuration in it.
        port: that it serves.
        web: folder of ``web.yml``; None: the same.
    """
    return [
        f"--config.file={folder}/{file}",
        f"--web.config.file={web or folder}/{WEB_CONFIG}",
        f"--web.listen-address=:{port}",
    ]


def prometheus_files(
    name: str, folder: str, content: Mapping[str, pulumi.Input[str]], *, web: bool = True
) -> Files:
    """Its configuration, with ``web.yml`` unless that is elsewhere, mounted in one folder."""
    files = {**content, **({WEB_CONFIG: web_config()} if web else {})}
    return Files(name=f"{name}-config", path=folder, content=files)


def web_config() -> str:
    """The content of ``web.yml``: the certificate of the workload, TLS 1.2 or newer."""
    tls = {
        "cert_file": f"{INTERNAL_TLS_PATH}/tls.crt",
        "key_file": f"{INTERNAL_TLS_PATH}/tls.key",
        "min_version": "TLS12",
    }
    return json.dumps({"tls_server_config": tls}, indent=1) + "\n"
