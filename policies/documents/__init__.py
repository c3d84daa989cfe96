"""Readers of documents that say who may do what, wherever they stand in a resource."""
