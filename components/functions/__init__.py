"""The server as a function of each cloud."""
