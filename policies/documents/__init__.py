"""Readers of access policies, roles and pod specifications in any property of a resource."""
