"""What a Cloud Run function is found by: `main.py`, entry point `mcp`."""

from qudag_mcp_server.hosts.gcp_function import mcp  # pyright: ignore

__all__ = ["mcp"]
