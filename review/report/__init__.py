"""The forms of a preview: terminal, Markdown for pull requests, JSON."""
