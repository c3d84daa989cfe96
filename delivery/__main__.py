"""`python -m delivery` is the command qudag-mcp."""

from .cli import app

app(prog_name="qudag-mcp")
