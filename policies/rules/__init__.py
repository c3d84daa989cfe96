"""Rules on recorded programs, one file a cloud."""
