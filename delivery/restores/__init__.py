"""Restores of databases that the platform's own jobs do not back up: what to run, and what then."""
