"""The archives that cloud functions run."""
