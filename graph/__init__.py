"""A Pulumi program as a value: recorded without an engine, read, written as manifests."""
