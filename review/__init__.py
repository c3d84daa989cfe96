"""What a change would do to a stack: differences, risks, reports."""
