"""Finds out what an MCP server's image is, and writes its entry into a stack file."""
