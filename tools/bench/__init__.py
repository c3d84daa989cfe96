"""`make bench` measures the cost of components, the server behind nginx, and cold starts."""
