"""Tests with a real OpenSearch: one for all of them."""
