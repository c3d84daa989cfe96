"""Entry file of the Azure Functions app: Azure loads `app` from `function_app.py`."""

from qudag_mcp_server.hosts.azure_function import app  # pyright: ignore

__all__ = ["app"]
