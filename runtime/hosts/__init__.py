"""The server under each host's own program, a thin adapter a host."""
