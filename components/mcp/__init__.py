"""Shared parts of MCP servers on every host: outputs, configuration, era, timeouts."""
