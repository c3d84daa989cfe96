"""Environments, topologies and their configuration: the first users of the components."""
