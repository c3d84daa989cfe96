"""A server with an autoscaler on real pods, under load."""
