"""The commands `qudag-mcp-server backup-volumes` and `restore-volume`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from . import volume_backup
from .backup_command import STATUSES, moment
from .backup_errors import BackupError
from .toml_config import ConfigError, StartError, read_table
from .volume_config import VolumeBackupConfig

CONFIG_DEFAULT = Path("/etc/qudag/volumes.toml")


def backup_volumes_command(arguments: list[str]) -> int:
    """Run `backup-volumes …`; exit status 0 done, 1 failed, 2 wrong usage, else a `Status`."""
    chosen = _parser("backup-volumes", "Store a backup of each volume.").parse_args(arguments)

    def back_up(config: VolumeBackupConfig) -> int:
        from .kubernetes_manifests import with_manifests

        return with_manifests(
            config.backup,
            lambda: _each(config.volumes, lambda name: [volume_backup.backup_volume(config, name)]),
        )

    return _run(chosen.config, back_up)


def restore_volume_command(arguments: list[str]) -> int:
    """Run `restore-volume …`; exit status 0 done, 1 failed, 2 wrong usage, else a `Status`."""
    parser = _parser("restore-volume", f"Restore a volume; exit status: {STATUSES}.")
    _add_choices(parser)
    chosen = parser.parse_args(arguments)
    if not (chosen.volume or chosen.list or chosen.drill):
        parser.error("name a volume, or use --list or --drill")

    def restore(config: VolumeBackupConfig) -> int:
        names = [chosen.volume] if chosen.volume else [*config.volumes]
        return _each(names, lambda name: _restore(config, name, chosen))

    return _run(chosen.config, restore)


def _restore(config: VolumeBackupConfig, name: str, chosen: argparse.Namespace) -> list[str]:
    if chosen.list:
        return volume_backup.volume_backups(config, name)
    if chosen.drill:
        return [f"restore drill passed: {volume_backup.drill_volume(config, name).line()}"]
    restored = volume_backup.restore_volume(config, name, before=chosen.before)
    done = f"restored {restored.line()}"
    if not chosen.replace:
        return [f"{done}; it is in {restored.to}, and the live files are as they were"]
    old = volume_backup.replace_files(config, restored)
    return [f"{done}; the files from before are in {old}: delete them once they are not needed"]


def _each(names: Iterable[str], step: Callable[[str], list[str]]) -> int:
    """Run a step for each volume, whatever becomes of the others; the first bad status."""
    status = 0
    for name in names:
        try:
            for line in step(name):
                print(line, flush=True)
        except StartError as error:
            found = error.status if isinstance(error, BackupError) else 1
            status = status or _say(error, int(found))
    return status


def _run(file: Path, step: Callable[[VolumeBackupConfig], int]) -> int:
    try:
        return step(read_table(file, VolumeBackupConfig))
    except ConfigError as error:
        return _say(error, 2)


def _say(error: Exception, status: int) -> int:
    for line in str(error).splitlines():
        print(f"qudag-mcp-server: {line}", file=sys.stderr)
    return status


def _parser(name: str, text: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(f"qudag-mcp-server {name}", description=text)
    parser.add_argument(
        "--config", type=Path, default=CONFIG_DEFAULT, help=f"default {CONFIG_DEFAULT}"
    )
    return parser


def _add_choices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("volume", nargs="?", help="name of the volume")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list the backups")
    what.add_argument(
        "--drill",
        action="store_true",
        help="read the newest backup to its end and compare each file; write nothing",
    )
    parser.add_argument(
        "--before",
        type=moment,
        help="restore the newest backup from before this time, such as 2026-11-29T02:00:00Z; "
        "default: the newest",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="put the restored files in the place of the volume's own, which are moved away",
    )
