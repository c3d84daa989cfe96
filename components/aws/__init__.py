"""Servers and data on AWS."""
