"""The places in the clouds that a server can be put into: one module a cloud."""
