"""Panels about what keeps state: PostgreSQL, Valkey, backups, the audit log, QuDAG nodes."""

from __future__ import annotations

from typing import Final

from .dashboard import Panel, Query, Section, Unit
from .queries import gauge, rate
from .server_panels import quantiles

CONSENSUS_LATENCY: Final = Panel(
    title="Consensus latency",
    meaning="Duration of the last round of each node: until most nodes had proven their keys.",
    unit=Unit.SECONDS,
    queries=[
        Query(expr=gauge("qudag_consensus_latency", by=("job", "pod"), how="max"), legend="{{pod}}")
    ],
)
CONSENSUS_ROUNDS: Final = Panel(
    title="Consensus rounds",
    meaning="Rounds of key exchanges, and those in which most nodes proved their keys.",
    unit=Unit.PER_SECOND,
    queries=[
        Query(expr=rate("qudag_consensus_rounds_total"), legend="rounds"),
        Query(expr=rate("qudag_consensus_decisions_total"), legend="decisions"),
    ],
)
POSTGRES_CONNECTIONS: Final = Panel(
    title="Connections of PostgreSQL",
    meaning="Connections to each database, as a share of those that the server accepts.",
    unit=Unit.SHARE,
    queries=[
        Query(
            expr=(
                gauge("pg_stat_database_numbackends", 'datname!=""', by=("job", "datname"))
                + " / on (job) group_left "
                + gauge("pg_settings_max_connections", by=("job",), how="max")
            ),
            legend="{{datname}}",
        )
    ],
    limit=0.9,
)
POSTGRES_LOCKS: Final = Panel(
    title="Locks of PostgreSQL",
    meaning="Locks held, by mode.",
    unit=Unit.NUMBER,
    queries=[Query(expr=gauge("pg_locks_count", by=("mode",)), legend="{{mode}}")],
)
POSTGRES_UP: Final = Panel(
    title="PostgreSQL answers",
    meaning="1 while the exporter can log in to PostgreSQL.",
    unit=Unit.NUMBER,
    queries=[Query(expr=gauge("pg_up", by=("pod",)), legend="{{pod}}")],
    at_most=1,
)
VALKEY_MEMORY: Final = Panel(
    title="Memory of Valkey",
    meaning="Memory in use, as a share of what it may use.",
    unit=Unit.SHARE,
    queries=[
        Query(
            expr=(
                gauge("redis_memory_used_bytes", by=("pod",))
                + " / ("
                + gauge("redis_memory_max_bytes", by=("pod",))
                + " > 0)"
            ),
            legend="{{pod}}",
        )
    ],
    limit=0.9,
)
VALKEY_COMMANDS: Final = Panel(
    title="Commands of Valkey",
    meaning="Commands run, keys evicted because memory was full, and connections refused.",
    unit=Unit.PER_SECOND,
    queries=[
        Query(expr=rate("redis_commands_processed_total"), legend="commands"),
        Query(expr=rate("redis_evicted_keys_total"), legend="evicted keys"),
        Query(expr=rate("redis_rejected_connections_total"), legend="refused connections"),
    ],
)
VALKEY_CLIENTS: Final = Panel(
    title="Clients of Valkey",
    meaning="Connections of clients, and replicas that follow.",
    unit=Unit.NUMBER,
    queries=[
        Query(expr=gauge("redis_connected_clients", by=("pod",)), legend="{{pod}} clients"),
        Query(expr=gauge("redis_connected_slaves", by=("pod",)), legend="{{pod}} replicas"),
    ],
)
VALKEY_UP: Final = Panel(
    title="Valkey answers and can write",
    meaning="1 while the exporter can log in, and while the append-only file can be written.",
    unit=Unit.NUMBER,
    queries=[
        Query(expr=gauge("redis_up", by=("pod",)), legend="{{pod}} answers"),
        Query(expr=gauge("redis_aof_last_write_status", by=("pod",)), legend="{{pod}} can write"),
    ],
    at_most=1,
)
BACKUPS: Final = Panel(
    title="Age of the newest backup",
    meaning="Since the snapshot of the newest backup, and since a drill restored one.",
    unit=Unit.SECONDS,
    queries=[
        Query(expr=gauge("mcp_backup_age_seconds", how="min"), legend="backup"),
        Query(expr=gauge("mcp_restore_drill_age_seconds", how="min"), legend="restore drill"),
    ],
)
DRILLS: Final = Panel(
    title="Last restore drill",
    meaning="Age of the backup that it restored, and how long restoring took.",
    unit=Unit.SECONDS,
    queries=[
        Query(
            expr=gauge("mcp_restore_drill_recovery_point_seconds", how="max"),
            legend="recovery point",
        ),
        Query(
            expr=gauge("mcp_restore_drill_recovery_time_seconds", how="max"),
            legend="recovery time",
        ),
    ],
)
DRILL_PASSED: Final = Panel(
    title="Restore drill passed",
    meaning="1 if the last restore drill passed.",
    unit=Unit.NUMBER,
    queries=[Query(expr=gauge("mcp_restore_drill_passed", how="min"), legend="passed")],
    at_most=1,
)
VOLUME_BACKUPS: Final = Panel(
    title="Age of the newest backup of each volume",
    meaning="Since the newest backup of each volume, and since a drill read one back.",
    unit=Unit.SECONDS,
    queries=[
        Query(
            expr=gauge("mcp_volume_backup_age_seconds", by=("volume",), how="min"),
            legend="{{volume}} backup",
        ),
        Query(
            expr=gauge("mcp_volume_drill_age_seconds", by=("volume",), how="min"),
            legend="{{volume}} drill",
        ),
    ],
)
VOLUME_DRILLS: Final = Panel(
    title="Drills of volumes passed",
    meaning="1 if the last drill of the volume passed.",
    unit=Unit.NUMBER,
    queries=[
        Query(expr=gauge("mcp_volume_drill_passed", by=("volume",), how="min"), legend="{{volume}}")
    ],
    at_most=1,
)
VOLUME_DRILL_TIME: Final = Panel(
    title="Duration of drills of volumes",
    meaning="How long the last drill that passed took to read the backup of each volume.",
    unit=Unit.SECONDS,
    queries=[
        Query(
            expr=gauge("mcp_volume_drill_seconds", by=("volume",), how="max"), legend="{{volume}}"
        )
    ],
)
AUDIT_ROWS: Final = Panel(
    title="Rows of the audit log",
    meaning="Rows committed, by what they record.",
    unit=Unit.PER_SECOND,
    queries=[Query(expr=rate("mcp_audit_rows_total", by=("event",)), legend="{{event}}")],
)
AUDIT_LOST: Final = Panel(
    title="Rows that are missing or wait",
    meaning="Rows lost and calls refused because their row was not committed, in a second; rows "
    "that wait.",
    unit=Unit.NUMBER,
    queries=[
        Query(expr=rate("mcp_audit_lost_total", by=("reason",)), legend="lost: {{reason}}"),
        Query(expr=rate("mcp_audit_refused_total"), legend="calls refused"),
        Query(expr=gauge("mcp_audit_waiting"), legend="waiting"),
    ],
)
AUDIT_TIME: Final = Panel(
    title="Time to write rows",
    meaning="From a statement with rows to its commit.",
    unit=Unit.SECONDS,
    queries=quantiles("mcp_audit_write_duration_seconds"),
)
AUDIT_VERIFIED: Final = Panel(
    title="Audit log verified",
    meaning="1 if the last verification found every row as it was written; with a bucket, 1 if "
    "each closed month is in it.",
    unit=Unit.NUMBER,
    queries=[
        Query(expr=gauge("mcp_audit_verified", how="min"), legend="verified"),
        Query(expr=gauge("mcp_audit_exported", how="min"), legend="exported"),
    ],
    at_most=1,
)
AUDIT_VERIFIED_AGE: Final = Panel(
    title="Since the audit log was verified",
    meaning="Since a verification found every row as it was written, and since each closed month "
    "was in the bucket.",
    unit=Unit.SECONDS,
    queries=[
        Query(expr=gauge("mcp_audit_verified_age_seconds", how="min"), legend="verified"),
        Query(expr=gauge("mcp_audit_exported_age_seconds", how="min"), legend="exported"),
    ],
)
SECRET_AGES: Final = Panel(
    title="Age of secrets",
    meaning="Since a server first saw the present value of a mounted Secret.",
    unit=Unit.SECONDS,
    queries=[
        Query(
            expr=gauge("mcp_secret_age_seconds", by=("secret", "key"), how="max"),
            legend="{{secret}} {{key}}",
        )
    ],
)
EGRESS_REFUSED: Final = Panel(
    title="Connections outside that were refused",
    meaning="Hosts that are not in a server's list, hosts whose address is not public, and tunnels "
    "without TLS for the host that was asked for.",
    unit=Unit.PER_SECOND,
    queries=[
        Query(
            expr=rate(
                "envoy_http_downstream_rq_xx",
                'envoy_response_code_class="4"',
                by=("envoy_http_conn_manager_prefix",),
            ),
            legend="{{envoy_http_conn_manager_prefix}}",
        ),
        Query(
            expr=rate("envoy_listener_no_filter_chain_match", by=("envoy_listener_address",)),
            legend="{{envoy_listener_address}} without TLS for the host",
        ),
    ],
)
EGRESS_OPEN: Final = Panel(
    title="Connections outside",
    meaning="Connections of each server to the egress proxy that are open.",
    unit=Unit.NUMBER,
    queries=[
        Query(
            expr=gauge("envoy_http_downstream_cx_active", by=("envoy_http_conn_manager_prefix",)),
            legend="{{envoy_http_conn_manager_prefix}}",
        )
    ],
)
EGRESS_BYTES: Final = Panel(
    title="Bytes to and from hosts outside",
    meaning="What each server has sent to hosts outside, and received from them, in a second.",
    unit=Unit.BYTES,
    queries=[
        Query(
            expr=rate(
                "envoy_http_downstream_cx_rx_bytes_total", by=("envoy_http_conn_manager_prefix",)
            ),
            legend="{{envoy_http_conn_manager_prefix}} sent",
        ),
        Query(
            expr=rate(
                "envoy_http_downstream_cx_tx_bytes_total", by=("envoy_http_conn_manager_prefix",)
            ),
            legend="{{envoy_http_conn_manager_prefix}} received",
        ),
    ],
)
EGRESS: Final = Section(
    title="Connections outside", panels=[EGRESS_REFUSED, EGRESS_OPEN, EGRESS_BYTES]
)
ISSUER_KEYS: Final = Panel(
    title="Keys of the token issuer",
    meaning="0 while reads of the keys fail; a server without traffic reads none.",
    unit=Unit.NUMBER,
    queries=[
        Query(
            expr=gauge("mcp_issuer_keys_readable", by=("job", "issuer"), how="min"),
            legend="{{job}} {{issuer}}",
        )
    ],
    at_most=1,
)
DATABASE: Final = Section(
    title="PostgreSQL", panels=[POSTGRES_CONNECTIONS, POSTGRES_LOCKS, POSTGRES_UP]
)
CACHE: Final = Section(
    title="Valkey", panels=[VALKEY_MEMORY, VALKEY_COMMANDS, VALKEY_CLIENTS, VALKEY_UP]
)
CONSENSUS: Final = Section(title="QuDAG nodes", panels=[CONSENSUS_LATENCY, CONSENSUS_ROUNDS])
RESTORES: Final = Section(
    title="Backups",
    panels=[BACKUPS, DRILLS, DRILL_PASSED, VOLUME_BACKUPS, VOLUME_DRILLS, VOLUME_DRILL_TIME],
)
AUDIT: Final = Section(
    title="Audit log",
    panels=[AUDIT_ROWS, AUDIT_LOST, AUDIT_TIME, AUDIT_VERIFIED, AUDIT_VERIFIED_AGE],
)
