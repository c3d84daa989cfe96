"""Servers, data and policies on Kubernetes."""
