"""Where sessions and connections are kept, a module a kind, each imported only when it is used."""
