"""Servers and data on Google Cloud."""
