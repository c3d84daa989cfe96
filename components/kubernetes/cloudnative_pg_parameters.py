"""Parameters of PostgreSQL in a CloudNativePG cluster: the defaults, and those of the operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from ..base.constraints import shown
from ..base.problems import Problem
from ..base.quantities import quantity

PARAMETERS: Final[Mapping[str, str]] = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "64MB",
    "checkpoint_completion_target": "0.9",
    "wal_buffers": "16MB",
    "default_statistics_target": "100",
    "random_page_cost": "1.1",
    "effective_io_concurrency": "200",
}
"""Those of the document about the orchestration of agents (S4)."""

FIXED: Final = frozenset(
    {
        *("allow_system_table_mods", "archive_cleanup_command", "archive_command", "archive_mode"),
        *("bonjour", "bonjour_name", "cluster_name", "config_file", "data_directory"),
        *("data_sync_retry", "event_source", "external_pid_file", "hba_file", "hot_standby"),
        *("ident_file", "jit_provider", "listen_addresses", "log_destination", "log_directory"),
        *("log_file_mode", "log_filename", "log_rotation_age", "log_rotation_size"),
        *("log_truncate_on_rotation", "logging_collector", "port", "primary_conninfo"),
        *("primary_slot_name", "promote_trigger_file", "recovery_end_command"),
        *("recovery_min_apply_delay", "recovery_target", "recovery_target_action"),
        *("recovery_target_inclusive", "recovery_target_lsn", "recovery_target_name"),
        *("recovery_target_time", "recovery_target_timeline", "recovery_target_xid"),
        *("restart_after_crash", "restore_command", "shared_preload_libraries", "ssl"),
        *("ssl_ca_file", "ssl_cert_file", "ssl_crl_file", "ssl_dh_params_file", "ssl_key_file"),
        *("ssl_passphrase_command", "ssl_passphrase_command_supports_reload"),
        *("ssl_prefer_server_ciphers", "stats_temp_directory", "synchronous_standby_names"),
        *("synchronized_standby_slots", "syslog_facility", "syslog_ident"),
        *("syslog_sequence_numbers", "syslog_split_messages", "temp_tablespaces"),
        *("unix_socket_directories", "unix_socket_group", "unix_socket_permissions"),
    }
)
"""Parameters that the operator sets itself (`FixedConfigurationParameters` of 1.30)."""

UNSAFE: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "fsync": (("off", "false", "no", "0"), "a crash of the node would destroy the database"),
    "full_page_writes": (
        ("off", "false", "no", "0"),
        "a crash of the node would destroy the database",
    ),
    "synchronous_commit": (
        ("off", "false", "no", "0"),
        "rows that were acknowledged would be lost in a crash",
    ),
    "password_encryption": (("md5",), "md5 hashes of passwords can be used to log in"),
    "wal_level": (("minimal",), "no standby could follow, and nothing would be archived"),
}
"""Values that are refused, with the consequence."""

_UNITS: Final = {
    "B": Decimal(1),
    "kB": Decimal(1024),
    "MB": Decimal(1024) ** 2,
    "GB": Decimal(1024) ** 3,
    "TB": Decimal(1024) ** 4,
}


def parameter_problems(given: Mapping[str, str], memory: str) -> Iterator[Problem]:
    """Parameters of the operator, unsafe values, and buffers that exceed the requested memory."""
    for name, value in given.items():
        at = f"parameters.{name}"
        if name in FIXED:
            yield Problem(
                at,
                "is a parameter that the operator sets itself",
                "its webhook refuses the cluster",
                "leave it out",
            )
        refused, consequence = UNSAFE.get(name, ((), ""))
        if value.casefold() in refused:
            yield Problem(at, f"is {shown(value)}", consequence, "leave it out")
    buffers = (PARAMETERS | dict(given))["shared_buffers"]
    size = _bytes(buffers)
    if size is None:
        yield Problem(
            "parameters.shared_buffers",
            f"is {shown(buffers)}",
            "the operator's webhook refuses the cluster",
            "write a whole number with its unit, such as 256MB",
        )
    elif size > quantity(memory):
        yield Problem(
            "parameters.shared_buffers",
            f"is {buffers}, more than resources.memory ({memory})",
            "the operator's webhook refuses the cluster",
            "write a quarter of resources.memory, or raise that",
        )


def _bytes(written: str) -> Decimal | None:
    number = written.rstrip("kMGTB ")
    unit = written[len(number) :].strip() or "MB"
    return Decimal(number) * _UNITS[unit] if number.isdecimal() and unit in _UNITS else None
