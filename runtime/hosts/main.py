"""Entry file of the Cloud Run function: the framework loads `mcp` from `main.py`."""

from qudag_mcp_server.hosts.gcp_function import mcp  # pyright: ignore

__all__ = ["mcp"]
