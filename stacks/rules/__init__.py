"""What must hold between sections of a stack file."""
