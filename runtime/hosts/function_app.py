"""What Azure Functions finds its functions by: `function_app.py`, and in it an application."""

from qudag_mcp_server.hosts.azure_function import app  # pyright: ignore

__all__ = ["app"]
