"""The cases of alerts about the stores, their backups and the audit log."""

from __future__ import annotations

from typing import Final

from tests.components.observability.alert_cases import STEP, Case, Series, constant, rising, series

_POSTGRES: Final = {"job": "postgres", "pod": "postgres-0", "exporter": "postgres"}
_VALKEY: Final = {"job": "redis", "pod": "redis-0", "exporter": "valkey"}
_DAY: Final = 86_400


def _store(severity: str, wait: int, over: Series, under: Series, **more: object) -> Case:
    given = {"severity": severity, "team": "data", "scope": "store", "wait": wait}
    return Case(**{**given, "over": over, "under": under, **more})  # pyright: ignore


def _connections(used: int) -> Series:
    return {
        series("pg_stat_database_numbackends", datid="1", datname="a", **_POSTGRES): constant(used),
        series("pg_stat_database_numbackends", datid="2", datname="b", **_POSTGRES): constant(40),
        series("pg_settings_max_connections", server="s", **_POSTGRES): constant(100),
    }


def _valkey(name: str, value: str) -> Series:
    return {series(name, **_VALKEY): value}


def _memory(used: float) -> Series:
    return {
        **_valkey("redis_memory_used_bytes", constant(used)),
        **_valkey("redis_memory_max_bytes", constant(1000)),
    }


def _one(name: str, value: float) -> Series:
    return {series(name): constant(value)}


def _volume(name: str, value: float, volume: str = "models") -> Series:
    return {series(name, volume=volume): constant(value)}


def _secret(age: int) -> Series:
    return {series("mcp_secret_age_seconds", secret="mcp-server-secrets", key="k"): constant(age)}


_AVAILABLE: Final = "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp"
_FAILED: Final = "barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp"
_ARCHIVED: Final = "cnpg_pg_stat_archiver_last_archived_time"
_NOT_ARCHIVED: Final = "cnpg_pg_stat_archiver_last_failed_time"
_FIRST: Final = 1
"""Time of a base backup, in seconds since 1970: promtool begins at 0."""


def _elsewhere(name: str, value: float, **labels: str) -> Series:
    """A series of another platform."""
    return {series(name, **{**labels, "namespace": "other"}): constant(value)}


def _standby(name: str, value: float) -> Series:
    return {series(name, pod="postgres-2"): constant(value)}


STORES: Final[dict[str, Case]] = {
    "DatabaseConnectionPoolExhausted": _store(
        *("critical", 60, _connections(51), _connections(50)), begins=0
    ),
    "DatabaseDown": _store(
        "critical",
        60,
        {series("pg_up", **_POSTGRES): constant(0), series("up", **_POSTGRES): constant(1)},
        {
            series("pg_up", **_POSTGRES): constant(1),
            series("up", **_POSTGRES): constant(1),
            series("up", **{**_POSTGRES, "exporter": "server"}): constant(0),
            series("up", **{**_POSTGRES, "namespace": "other"}): constant(0),
        },
        others=(
            {series("up", **_POSTGRES): constant(0)},
            {
                series("up", **{**_POSTGRES, "exporter": "server"}): constant(1),
                series("up", **{**_POSTGRES, "namespace": "other"}): constant(1),
            },
        ),
    ),
    "DatabaseReplicationLag": _store(
        *("warning", 300, _one("cnpg_pg_replication_lag", 31)),
        _one("cnpg_pg_replication_lag", 30),
        postgres_cluster=True,
    ),
    "ValkeyDown": _store(
        *("critical", 60, {**_valkey("redis_up", constant(0)), **_valkey("up", constant(1))}),
        {
            **_valkey("redis_up", constant(1)),
            **_valkey("up", constant(1)),
            series("up", **{**_VALKEY, "exporter": "server"}): constant(0),
            series("up", **{**_VALKEY, "job": "another"}): constant(0),
            series("up", **{**_VALKEY, "namespace": "other"}): constant(0),
        },
        others=(
            _valkey("up", constant(0)),
            {
                series("up", **{**_VALKEY, "exporter": "server"}): constant(1),
                series("up", **{**_VALKEY, "job": "another"}): constant(1),
                series("up", **{**_VALKEY, "namespace": "other"}): constant(1),
            },
        ),
    ),
    "ValkeyMemoryNearLimit": _store(
        *("warning", 300, _memory(901)),
        {
            **_memory(900),
            # Without a limit of its own.
            series("redis_memory_used_bytes", **{**_VALKEY, "pod": "redis-1"}): constant(900),
            series("redis_memory_max_bytes", **{**_VALKEY, "pod": "redis-1"}): constant(0),
        },
    ),
    "ValkeyEvicts": _store(
        *("warning", 300, _valkey("redis_evicted_keys_total", rising(0.001))),
        _valkey("redis_evicted_keys_total", constant(9)),
        begins=30,
    ),
    "ValkeyRefusesConnections": _store(
        *("warning", 300, _valkey("redis_rejected_connections_total", rising(0.002))),
        _valkey("redis_rejected_connections_total", constant(9)),
        begins=30,
    ),
    "ValkeyNotStored": _store(
        *("critical", 300, _valkey("redis_aof_last_write_status", constant(0))),
        _valkey("redis_aof_last_write_status", constant(1)),
    ),
    "ValkeyReplicasMissing": _store(
        *("warning", 300, _valkey("redis_connected_slaves", constant(1))),
        _valkey("redis_connected_slaves", constant(2)),
    ),
    "BackupTooOld": _store(
        *("critical", 300, _one("mcp_backup_age_seconds", 3601)),
        _one("mcp_backup_age_seconds", 3600),
    ),
    "BackupMissing": _store("critical", 3600, {}, _one("mcp_backup_age_seconds", 1)),
    "BaseBackupTooOld": _store(
        *("critical", 300, {**_one(_AVAILABLE, _FIRST), **_standby(_AVAILABLE, 0)}),
        {series(_AVAILABLE): f"0+{STEP}x2000", **_standby(_AVAILABLE, 0)},
        begins=3630,
        quiet=(_one(_AVAILABLE, 0),),
        postgres_cluster=True,
    ),
    "BaseBackupMissing": _store(
        # No server exports the time, or each exports 0.
        "critical",
        3600,
        {},
        {**_one(_AVAILABLE, 1), **_standby(_AVAILABLE, 0)},
        strong=_one(_AVAILABLE, 0),
        postgres_cluster=True,
    ),
    "WalArchivingFails": _store(
        *("critical", 300, {**_one(_ARCHIVED, -1), **_one(_NOT_ARCHIVED, 3)}),
        {
            **_one(_ARCHIVED, 2),
            **_one(_NOT_ARCHIVED, 1),
            **_standby(_ARCHIVED, -1),
            **_standby(_NOT_ARCHIVED, -1),
        },
        others=({**_one(_NOT_ARCHIVED, 3), **_one(_ARCHIVED, 1), **_elsewhere(_ARCHIVED, 5)},),
        postgres_cluster=True,
    ),
    "BackupFailed": _store(
        *("critical", 300, {**_one(_AVAILABLE, 1), **_one(_FAILED, 3)}),
        {**_one(_AVAILABLE, 2), **_one(_FAILED, 1)},
        others=({**_one(_AVAILABLE, 1), **_one(_FAILED, 3), **_elsewhere(_AVAILABLE, 5)},),
        postgres_cluster=True,
    ),
    "RestoreDrillFailed": _store(
        *("critical", 300, _one("mcp_restore_drill_passed", 0)),
        _one("mcp_restore_drill_passed", 1),
    ),
    "RestoreDrillOverdue": _store(
        *("warning", 3600, _one("mcp_restore_drill_age_seconds", 14 * _DAY + 1)),
        _one("mcp_restore_drill_age_seconds", 14 * _DAY),
    ),
    "RecoveryTooSlow": _store(
        *("warning", 300, _one("mcp_restore_drill_recovery_time_seconds", 1801)),
        _one("mcp_restore_drill_recovery_time_seconds", 1800),
    ),
    "VolumeBackupTooOld": _store(
        *("critical", 300, _volume("mcp_volume_backup_age_seconds", 3601)),
        # A volume that is not backed up any more has results too.
        {
            **_volume("mcp_volume_backup_age_seconds", 3600),
            **_volume("mcp_volume_backup_age_seconds", 9999, "gone"),
        },
    ),
    "VolumeBackupMissing": _store(
        *("critical", 3600, _volume("mcp_volume_backup_age_seconds", 1)),
        {
            **_volume("mcp_volume_backup_age_seconds", 1),
            **_volume("mcp_volume_backup_age_seconds", 1, "uploads"),
        },
        others=(
            {
                **_volume("mcp_volume_backup_age_seconds", 1, "uploads"),
                **_elsewhere("mcp_volume_backup_age_seconds", 1, volume="models"),
            },
        ),
    ),
    "VolumeDrillFailed": _store(
        *("critical", 300, _volume("mcp_volume_drill_passed", 0)),
        {
            **_volume("mcp_volume_drill_passed", 1),
            **_volume("mcp_volume_drill_passed", 0, "gone"),
        },
    ),
    "VolumeDrillOverdue": _store(
        *("warning", 3600, _volume("mcp_volume_drill_age_seconds", 14 * _DAY + 1)),
        {
            **_volume("mcp_volume_drill_age_seconds", 14 * _DAY),
            **_volume("mcp_volume_drill_age_seconds", 99 * _DAY, "gone"),
        },
    ),
    "AuditRowsLost": _store(
        *("critical", 0, {series("mcp_audit_lost_total", reason="full"): rising(0.001)}),
        {series("mcp_audit_lost_total", reason="full"): constant(3)},
        team="security",
        begins=30,
    ),
    "AuditRefusesCalls": _store(
        *("critical", 120, {series("mcp_audit_refused_total"): rising(0.1)}),
        {series("mcp_audit_refused_total"): constant(3)},
        team="security",
        begins=30,
    ),
    "AuditRowsWait": _store(
        *("warning", 300, _one("mcp_audit_waiting", 501)),
        _one("mcp_audit_waiting", 500),
        team="security",
    ),
    "AuditChainBroken": _store(
        *("critical", 0, _one("mcp_audit_verified", 0)),
        _one("mcp_audit_verified", 1),
        team="security",
        strong={series("mcp_audit_verified"): "1+0x3 0+0x2000"},
        begins=4 * STEP,
    ),
    "AuditExportFailed": _store(
        *("warning", 3600, _one("mcp_audit_exported", 0)),
        _one("mcp_audit_exported", 1),
        team="security",
    ),
    "SecretTooOld": _store(
        *("warning", 3600, _secret(90 * _DAY + 1)), _secret(90 * _DAY), team="security"
    ),
    "AuditVerificationOverdue": _store(
        *("warning", 3600, _one("mcp_audit_verified_age_seconds", 2 * _DAY + 1)),
        _one("mcp_audit_verified_age_seconds", 2 * _DAY),
        team="security",
    ),
}
