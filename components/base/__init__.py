"""Shared parts of components: args, problems, forms, names, resources in wire form."""
