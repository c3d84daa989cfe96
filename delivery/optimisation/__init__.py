"""Requests, limits and pods of a stack against what was used: `qudag-mcp optimise`."""
