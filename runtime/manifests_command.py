"""The command `qudag-mcp-server restore-manifests`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from .backup_command import STATUSES, moment
from .backup_config import BackupSection
from .backup_errors import BackupError
from .backup_exchange import Exchange
from .kubernetes_manifests import ManifestsStore, restored
from .toml_config import ConfigError, Section, StartError, read_table

CONFIG_DEFAULT = Path("/etc/qudag/backup.toml")


class ManifestsConfig(Section):
    """The file of a job that backs up a database or volumes, of which only `[backup]` is read."""

    backup: BackupSection
    database: dict[str, Any] | None = None
    volumes: dict[str, Any] | None = None


def restore_manifests_command(arguments: list[str]) -> int:
    """Run `restore-manifests …`; exit status 0 done, 1 failed, 2 wrong usage, else a `Status`."""
    parser = argparse.ArgumentParser(
        "qudag-mcp-server restore-manifests",
        description="Print a backup of the stack's Kubernetes objects as a line of JSON; exit "
        f"status: {STATUSES}.",
    )
    parser.add_argument(
        "--config", type=Path, default=CONFIG_DEFAULT, help=f"default {CONFIG_DEFAULT}"
    )
    parser.add_argument("--list", action="store_true", help="list the backups")
    parser.add_argument(
        "--before",
        type=moment,
        help="the newest backup from before this time, such as 2026-11-29T02:00:00Z; "
        "default: the newest",
    )
    chosen = parser.parse_args(arguments)
    try:
        section = read_table(chosen.config, ManifestsConfig).backup
        try:
            if chosen.list:
                print(*ManifestsStore(section).lines(), sep="\n")
            else:
                print(restored(section, chosen.before))
        finally:
            # The pod of the database's drill has a container that waits for this one.
            Exchange(section.work, section.wait_seconds).end()
    except ConfigError as error:
        return _say(error, 2)
    except BackupError as error:
        return _say(error, error.status)
    except StartError as error:
        return _say(error, 1)
    return 0


def _say(error: Exception, status: int) -> int:
    for line in str(error).splitlines():
        print(f"qudag-mcp-server: {line}", file=sys.stderr)
    return int(status)
