"""Servers and data on Azure."""
