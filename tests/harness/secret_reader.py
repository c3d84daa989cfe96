"""A kubectl that knows Secrets and one tunnel, for code that reads both of a cluster."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping


class SecretReader:
    """Answers for Secrets, and opens a "tunnel" to a port of this machine.

    Args:
        port: of this machine, to which the tunnel leads.
        secrets: keys and values of each Secret.
    """

    def __init__(self, port: int, secrets: Mapping[str, Mapping[str, str]]) -> None:
        self.port, self.secrets = port, secrets

    def must(self, *argv: str) -> str:
        """The value that ``kubectl get secret`` prints with ``jsonpath``."""
        key = argv[-1].partition(".data.")[2].rstrip("}").replace("\\", "")
        return base64.b64encode(self.secrets[argv[2]][key].encode()).decode()

    def argv(self, *_: str) -> list[str]:
        """A program that prints what ``kubectl port-forward`` prints."""
        said = f"Forwarding from 127.0.0.1:{self.port} -> 9090"
        return [sys.executable, "-c", f"import time; print({said!r}, flush=True); time.sleep(60)"]
