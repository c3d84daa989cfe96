"""What `make bench` measures: the components over a flat program, and the server behind nginx."""
