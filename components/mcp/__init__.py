"""What every MCP server has, wherever it runs: outputs, configuration, era, timeouts."""
