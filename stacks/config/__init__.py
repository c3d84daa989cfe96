"""The sections of a stack file, their checks and their error messages."""
