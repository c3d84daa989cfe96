"""A platform of servers that are not of this project, on real pods."""
