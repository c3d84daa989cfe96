"""The commands `qudag-mcp-server backup` and `restore`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from .backup_config import BackupConfig
from .backup_errors import BackupError
from .backup_exchange import Exchange
from .toml_config import ConfigError, StartError, read_table

CONFIG_DEFAULT = Path("/etc/qudag/backup.toml")
STATUSES: Final = "3 missing, 4 damaged, 5 stale, 6 of another stack, 7 restored differently"
TEXTS: Final = {
    "backup": "Store a backup of the database in a bucket.",
    "restore": "Restore a backup to a new database, and compare it with what was backed up; exit "
    f"status: {STATUSES}.",
}


def backup_command(arguments: list[str]) -> int:
    """Run `backup …`; exit status 0 done, 1 failed, 2 wrong usage, else a `Status`."""
    from .kubernetes_manifests import with_manifests

    chosen = _parser("backup").parse_args(arguments)
    try:
        section = read_table(chosen.config, BackupConfig).backup
    except ConfigError as error:
        return _say(error, 2)
    return with_manifests(section, lambda: _run(_backup, chosen))


def restore_command(arguments: list[str]) -> int:
    """Run `restore …`; exit status 0 done, 1 failed, 2 wrong usage, else a `Status`."""
    parser = _parser("restore")
    _add_choices(parser)
    return _run(_restore, parser.parse_args(arguments))


def _run(
    step: Callable[[BackupConfig, argparse.Namespace], str], chosen: argparse.Namespace
) -> int:
    try:
        config = read_table(chosen.config, BackupConfig)
        try:
            print(step(config, chosen))
        finally:
            Exchange(config.backup.work, config.backup.wait_seconds).end()
    except ConfigError as error:
        return _say(error, 2)
    except BackupError as error:
        return _say(error, error.status)
    except StartError as error:
        return _say(error, 1)
    return 0


def _backup(config: BackupConfig, _chosen: argparse.Namespace) -> str:
    from .backup import backup

    return backup(config)


def _restore(config: BackupConfig, chosen: argparse.Namespace) -> str:
    from . import restore as steps

    if chosen.list:
        return steps.backups(config)
    if chosen.drill:
        from .restore_drill import drill

        return f"restore drill passed: {drill(config).line()}"
    restored = steps.restore(config, before=chosen.before, database=chosen.database)
    if not chosen.replace:
        return f"restored {restored.line()}; the live database is as it was"
    old = steps.replace(config, restored.database)
    return (
        f"restored {restored.line()}; it is now {config.database.name}, and the database from "
        f"before is {old}: drop it once it is not needed"
    )


def _say(error: Exception, status: int) -> int:
    for line in str(error).splitlines():
        print(f"qudag-mcp-server: {line}", file=sys.stderr)
    return int(status)


def moment(text: str) -> datetime:
    """A time with a time zone; raises `ValueError`."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no time zone")
    return found


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(f"qudag-mcp-server {name}", description=TEXTS[name])
    parser.add_argument(
        "--config", type=Path, default=CONFIG_DEFAULT, help=f"default {CONFIG_DEFAULT}"
    )
    return parser


def _add_choices(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list the backups")
    what.add_argument(
        "--drill",
        action="store_true",
        help="restore the newest backup, compare it, drop it and record the result",
    )
    parser.add_argument(
        "--before",
        type=moment,
        help="restore the newest backup from before this time, such as 2026-11-29T02:00:00Z; "
        "default: the newest",
    )
    parser.add_argument("--database", help="name of the new database")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="put the restored database in the place of the live one, which is renamed",
    )
