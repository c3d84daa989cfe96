"""Offers the tools, resources and prompts of other servers, and forwards requests to them."""
