"""The server as a container that each cloud runs."""
