"""How a platform is watched: metrics, alerts and dashboards."""
