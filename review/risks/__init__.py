"""The rules behind the risk classes, one file a subject."""
