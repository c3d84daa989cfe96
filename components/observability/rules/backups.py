"""Alerts about backups, restore drills and the audit log."""

from __future__ import annotations

from collections.abc import Iterator

from .alert import Alert, Severity, Team
from .options import RuleOptions
from .targets import one_of


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Those of a stack with backups, or with an audit log."""
    if options.recovery_point_minutes is not None:
        yield from _of_backups(options, options.recovery_point_minutes)
        yield from _of_volumes(options, options.recovery_point_minutes, options.drill_hours)
    if options.drill_hours is not None:
        yield from _of_drills(options, options.drill_hours)
    if options.base_backup_minutes is not None:
        yield from _of_barman(options, options.base_backup_minutes)
    if options.audit:
        yield from _of_the_audit_log(options)


def _alert(
    name: str,
    expression: str,
    duration: str,
    summary: str,
    description: str,
    *,
    severity: Severity = "critical",
    team: Team = "data",
    source: str | None = None,
) -> Alert:
    return Alert(
        name=name,
        severity=severity,
        team=team,
        scope="store",
        expression=expression,
        duration=duration,
        summary=summary,
        description=description,
        dashboard="infrastructure" if team == "data" else "security",
        source=source,
    )


def _of_backups(options: RuleOptions, minutes: int) -> Iterator[Alert]:
    age = f"max(mcp_backup_age_seconds{{{options.within}}})"
    yield _alert(
        "BackupTooOld",
        f"{age} > {minutes * 60}",
        "5m",
        "The newest backup is older than the recovery point objective",
        f"The newest backup is {{{{ $value | humanizeDuration }}}} old; the objective is {minutes} "
        "minutes.",
        source="S3",
    )
    yield _alert(
        "BackupMissing",
        f"absent(mcp_backup_age_seconds{{{options.within}}})",
        f"{minutes}m",
        "There is no backup",
        "No server knows of a backup of the database.",
    )


def _of_drills(options: RuleOptions, hours: int) -> Iterator[Alert]:
    within, thresholds = options.within, options.thresholds
    yield _alert(
        "RestoreDrillFailed",
        f"min(mcp_restore_drill_passed{{{within}}}) == 0",
        "5m",
        "The last restore drill failed",
        "The newest backup could not be restored, or differs from what was backed up.",
    )
    yield _alert(
        "RestoreDrillOverdue",
        f"max(mcp_restore_drill_age_seconds{{{within}}}) > {2 * hours * 3600}",
        "1h",
        "No restore drill has passed for long",
        "The last restore drill that passed was {{ $value | humanizeDuration }} ago.",
        severity="warning",
    )
    yield _alert(
        "RecoveryTooSlow",
        f"max(mcp_restore_drill_recovery_time_seconds{{{within}}})"
        f" > {thresholds.recovery_minutes * 60}",
        "5m",
        "A restore takes longer than the recovery time objective",
        "The last restore drill took {{ $value | humanizeDuration }}; the objective is "
        f"{thresholds.recovery_minutes} minutes.",
        severity="warning",
        source="S3",
    )


def _of_barman(options: RuleOptions, minutes: int) -> Iterator[Alert]:
    """Of the base backups and the WAL archive of CloudNativePG.

    Servers that are no primary export 0, or -1 for times of the archive.
    """
    within = options.within
    newest = f"max(barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{{{within}}})"
    failed = f"max(barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp{{{within}}})"
    archived, not_archived = (
        f"max(cnpg_pg_stat_archiver_last_{what}_time{{{within}}})"
        for what in ("archived", "failed")
    )
    yield _alert(
        "BaseBackupTooOld",
        f"time() - ({newest} > 0) > {minutes * 60}",
        "5m",
        "The newest base backup is older than the recovery point objective",
        f"The newest base backup is {{{{ $value | humanizeDuration }}}} old; the objective is "
        f"{minutes} minutes.",
    )
    yield _alert(
        "BaseBackupMissing",
        f"({newest} or vector(0)) == 0",
        f"{minutes}m",
        "CloudNativePG has no base backup",
        "No server of CloudNativePG knows of a base backup: its WAL files alone restore nothing.",
    )
    yield _alert(
        "BackupFailed",
        f"{failed} > {newest}",
        "5m",
        "The last backup of CloudNativePG failed",
        "The newest backup that succeeded is older than the last one that failed.",
    )
    yield _alert(
        "WalArchivingFails",
        f"{not_archived} > {archived}",
        "5m",
        "CloudNativePG cannot archive its WAL files",
        "The last try to archive a WAL file failed. A restore now would lose what was written "
        "after the last archived one.",
    )


def _of_volumes(options: RuleOptions, minutes: int, hours: int | None) -> Iterator[Alert]:
    """Of the volumes that are backed up now: results of others stay in the database for a year."""
    if not options.volumes:
        return
    within = f"{options.within},{one_of('volume', options.volumes)}"
    yield _alert(
        "VolumeBackupTooOld",
        f"max by (volume) (mcp_volume_backup_age_seconds{{{within}}}) > {minutes * 60}",
        "5m",
        "The newest backup of a volume is older than the recovery point objective",
        "The newest backup of {{ $labels.volume }} is {{ $value | humanizeDuration }} old; the "
        f"objective is {minutes} minutes.",
    )
    yield _alert(
        "VolumeBackupMissing",
        " or ".join(
            f'absent(mcp_volume_backup_age_seconds{{{options.within},volume="{volume}"}})'
            for volume in options.volumes
        ),
        f"{minutes}m",
        "There is no backup of a volume",
        "No server knows of a backup of the volume {{ $labels.volume }}.",
    )
    if hours is None:
        return
    yield _alert(
        "VolumeDrillFailed",
        f"min by (volume) (mcp_volume_drill_passed{{{within}}}) == 0",
        "5m",
        "The last drill of a volume failed",
        "The newest backup of {{ $labels.volume }} could not be read, or differs from what was "
        "backed up.",
    )
    yield _alert(
        "VolumeDrillOverdue",
        f"max by (volume) (mcp_volume_drill_age_seconds{{{within}}}) > {2 * hours * 3600}",
        "1h",
        "No drill of a volume has passed for long",
        "The last drill of {{ $labels.volume }} that passed was {{ $value | humanizeDuration }} "
        "ago.",
        severity="warning",
    )


def _of_the_audit_log(options: RuleOptions) -> Iterator[Alert]:
    within = options.within
    yield _alert(
        "AuditRowsLost",
        f"sum by (job, reason) (increase(mcp_audit_lost_total{{{within}}}[15m])) > 0",
        "0m",
        "Calls are missing in the audit log",
        '{{ $value | printf "%.0f" }} rows of {{ $labels.job }} are not in the audit log: '
        "{{ $labels.reason }}.",
        team="security",
    )
    yield _alert(
        "AuditRefusesCalls",
        f"sum by (job) (rate(mcp_audit_refused_total{{{within}}}[5m])) > 0",
        "2m",
        "Calls are refused because they cannot be recorded",
        '{{ $labels.job }} refuses {{ $value | printf "%.2f" }} calls per second: the audit log '
        "cannot be written.",
        team="security",
    )
    yield _alert(
        "AuditRowsWait",
        f"sum by (job) (mcp_audit_waiting{{{within}}}) > 500",
        "5m",
        "Rows of the audit log wait for the database",
        "{{ $value }} rows of {{ $labels.job }} are not yet in the audit log.",
        severity="warning",
        team="security",
    )
    if options.audit_hours is not None:
        yield from _of_verification(options, options.audit_hours)


def _of_verification(options: RuleOptions, hours: int) -> Iterator[Alert]:
    within = options.within
    yield _alert(
        "AuditChainBroken",
        f"min(mcp_audit_verified{{{within}}}) == 0",
        "0m",
        "Rows of the audit log are not as they were written",
        "The last verification of the audit log found a row that was changed or is missing.",
        team="security",
    )
    yield _alert(
        "AuditVerificationOverdue",
        f"min(mcp_audit_verified_age_seconds{{{within}}}) > {2 * hours * 3600}",
        "1h",
        "The audit log has not been verified for long",
        "The last verification that found the audit log whole was {{ $value | humanizeDuration }} "
        "ago.",
        severity="warning",
        team="security",
    )
    yield _alert(
        "AuditExportFailed",
        f"min(mcp_audit_exported{{{within}}}) == 0",
        "1h",
        "A closed month of the audit log is not in the bucket",
        "The last run of the job that keeps the audit log did not find every closed month in the "
        "bucket.",
        severity="warning",
        team="security",
    )
