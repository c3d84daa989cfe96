"""The kinds of ``DataTier``: what PostgreSQL and Valkey are made of, one file a kind."""
