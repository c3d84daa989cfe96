"""Inspects the image of an MCP server, and writes the server's entry into a stack file."""
