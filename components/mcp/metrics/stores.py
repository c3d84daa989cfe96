"""Metrics of the exporters beside Valkey and PostgreSQL."""

from __future__ import annotations

from functools import partial
from typing import Final

from .exported_metric import ExportedMetric

_valkey = partial(ExportedMetric, exporters=("valkey",))
_postgres = partial(ExportedMetric, exporters=("postgres",))

VALKEY: Final = (
    _valkey(name="redis_up", kind="gauge", meaning="1 while the exporter can log in to Valkey."),
    _valkey(name="redis_connected_clients", kind="gauge", meaning="Connections of clients."),
    _valkey(name="redis_connected_slaves", kind="gauge", meaning="Replicas that follow this pod."),
    _valkey(name="redis_memory_used_bytes", kind="gauge", unit="bytes", meaning="Memory in use."),
    _valkey(
        name="redis_memory_max_bytes",
        kind="gauge",
        unit="bytes",
        meaning="Memory that it may use (`maxmemory`).",
    ),
    _valkey(
        name="redis_evicted_keys_total",
        kind="counter",
        meaning="Keys evicted because memory was full.",
    ),
    _valkey(
        name="redis_rejected_connections_total",
        kind="counter",
        meaning="Connections refused: too many.",
    ),
    _valkey(name="redis_commands_processed_total", kind="counter", meaning="Commands run."),
    _valkey(
        name="redis_aof_last_write_status",
        kind="gauge",
        meaning="1 while the append-only file can be written.",
    ),
)
"""Those of redis_exporter that tell whether Valkey is well; it exports many more."""

POSTGRES: Final = (
    _postgres(name="pg_up", kind="gauge", meaning="1 while the exporter can log in to PostgreSQL."),
    _postgres(
        name="pg_stat_database_numbackends",
        kind="gauge",
        labels=("datid", "datname", "server"),
        meaning="Connections to a database.",
    ),
    _postgres(
        name="pg_settings_max_connections",
        kind="gauge",
        labels=("server",),
        meaning="Connections that it accepts.",
    ),
    _postgres(
        name="pg_locks_count",
        kind="gauge",
        labels=("datname", "mode", "server"),
        meaning="Locks held.",
    ),
)
"""Those of postgres_exporter for the alerts of the source documents; it exports many more."""
