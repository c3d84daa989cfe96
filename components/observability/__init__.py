"""Prometheus, alerts and dashboards of a platform."""
