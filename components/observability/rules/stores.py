"""Alerts about PostgreSQL and Valkey, from their exporters or from CloudNativePG."""

from __future__ import annotations

from collections.abc import Iterator

from .alert import Alert, RecordingRule
from .options import RuleOptions
from .targets import EXPORTER, JOB, down

ACTIVE, MOST = "postgresql_active_connections", "postgresql_max_connections"
"""Names of S4."""
_NO_EXPORTER = (
    "{{ with $labels.pod }}The exporter in {{ . }} does not answer, or cannot log in."
    "{{ else }}No pod has an exporter that answers.{{ end }}"
)


def recorded(options: RuleOptions) -> Iterator[RecordingRule]:
    """The connections of PostgreSQL under the names of S4."""
    if options.database == "postgres-exporter":
        within = options.within
        active = f"sum by (job) (pg_stat_database_numbackends{{{within}}})"
        most = f"max by (job) (pg_settings_max_connections{{{within}}})"
    elif options.database == "cloudnative-pg":
        within = options.within
        active = f"sum by (pod) (cnpg_backends_total{{{within}}})"
        setting = f'cnpg_pg_settings_setting{{{within},name="max_connections"}}'
        most = f"max by (pod) ({setting})"
    else:
        return
    yield RecordingRule(name=ACTIVE, expression=active, source="S4")
    yield RecordingRule(name=MOST, expression=most, source="S4")


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Those of the stores that something exports metrics of."""
    if options.database is not None:
        yield from _of_postgres(options)
    if options.database == "cloudnative-pg":
        yield _replication_lag(options)
    if options.valkey is not None:
        yield from _of_valkey(options, options.valkey)


def _of_postgres(options: RuleOptions) -> Iterator[Alert]:
    yield Alert(
        name="DatabaseConnectionPoolExhausted",
        severity="critical",
        team="data",
        scope="store",
        expression=f"{ACTIVE}{{{options.own}}} / {MOST}{{{options.own}}}"
        f" > {options.thresholds.connections_percent / 100:g}",
        duration="1m",
        summary="PostgreSQL accepts hardly any more connections",
        description="{{ $value | humanizePercentage }} of the connections that PostgreSQL accepts "
        "are open.",
        dashboard="infrastructure",
        source="S4",
    )
    expressions = {
        "postgres-exporter": (
            down(f'{EXPORTER}="postgres",{options.within}') + f" or pg_up{{{options.within}}} == 0"
        ),
        "cloudnative-pg": f"cnpg_collector_up{{{options.within}}} == 0"
        f" or absent(cnpg_collector_up{{{options.within}}})",
    }
    yield Alert(
        name="DatabaseDown",
        severity="critical",
        team="data",
        scope="store",
        expression=expressions[options.database or "postgres-exporter"],
        duration="1m",
        summary="PostgreSQL does not answer",
        description=_NO_EXPORTER,
        dashboard="infrastructure",
    )


def _replication_lag(options: RuleOptions) -> Alert:
    seconds = options.thresholds.replication_lag_seconds
    return Alert(
        name="DatabaseReplicationLag",
        severity="warning",
        team="data",
        scope="store",
        expression=f"cnpg_pg_replication_lag{{{options.within}}} > {seconds:g}",
        duration="5m",
        summary="A replica of PostgreSQL is behind",
        description="{{ $labels.pod }} is {{ $value | humanizeDuration }} behind: a failover would "
        "lose that much.",
        dashboard="infrastructure",
    )


def _of_valkey(options: RuleOptions, workload: str) -> Iterator[Alert]:
    within = options.within

    def alert(name: str, expression: str, duration: str, summary: str, description: str) -> Alert:
        return Alert(
            name=name,
            severity="critical" if name in ("ValkeyDown", "ValkeyNotStored") else "warning",
            team="data",
            scope="store",
            expression=expression,
            duration=duration,
            summary=summary,
            description=description,
            dashboard="infrastructure",
        )

    yield alert(
        "ValkeyDown",
        down(f'{EXPORTER}="valkey",{JOB}="{workload}",{within}') + f" or redis_up{{{within}}} == 0",
        "1m",
        "Valkey does not answer",
        _NO_EXPORTER,
    )
    yield alert(
        "ValkeyMemoryNearLimit",
        f"redis_memory_used_bytes{{{within}}} / (redis_memory_max_bytes{{{within}}} > 0) > 0.9",
        "5m",
        "Valkey has used most of its memory",
        "{{ $labels.pod }} uses {{ $value | humanizePercentage }} of maxmemory. Sessions and "
        "messages are refused or evicted when it is full.",
    )
    yield alert(
        "ValkeyEvicts",
        f"increase(redis_evicted_keys_total{{{within}}}[10m]) > 0",
        "5m",
        "Valkey evicts keys because its memory is full",
        '{{ $labels.pod }} evicted {{ $value | printf "%.0f" }} keys in 10 minutes.',
    )
    yield alert(
        "ValkeyRefusesConnections",
        f"increase(redis_rejected_connections_total{{{within}}}[5m]) > 0",
        "5m",
        "Valkey refuses connections",
        '{{ $labels.pod }} refused {{ $value | printf "%.0f" }} connections in 5 minutes.',
    )
    yield alert(
        "ValkeyNotStored",
        f"redis_aof_last_write_status{{{within}}} == 0",
        "5m",
        "Valkey cannot write its append-only file",
        "What {{ $labels.pod }} accepts now is lost when the pod ends: its disk may be full.",
    )
    if options.valkey_replicas:
        yield alert(
            "ValkeyReplicasMissing",
            f"max by (job) (redis_connected_slaves{{{within}}}) < {options.valkey_replicas}",
            "5m",
            "Valkey has too few replicas",
            f"{{{{ $value }}}} of {options.valkey_replicas} replicas follow the first pod of "
            "{{ $labels.job }}.",
        )
