"""The program `qudag-mcp-server`: serves MCP, bridges a program, migrates the database, backs it
and volumes up and restores them, checks the audit log, starts a QuDAG node, exports the gateway's
metrics, writes log lines to Elasticsearch or OpenSearch, limits the traces in Jaeger, or stands in
for a service."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Final

from . import __version__
from .config import ENVIRONMENT, Config, MigrationConfig, load_environment
from .config_files import load
from .toml_config import ConfigError, StartError, read_table

CONFIG_DEFAULT = Path("/etc/qudag/server.toml")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; exit status 0 done, 1 failed, 2 wrong usage or configuration."""
    # The kernel delivers no SIGTERM to process 1 of a container unless it has a handler.
    signal.signal(signal.SIGTERM, _stop_early)
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["join"]:  # reads no server.toml; its last arguments are another program's
        # Before the imports, which take time: a shell's background jobs ignore SIGINT.
        signal.signal(signal.SIGINT, _stop_early)
        from .qudag_join import join

        return join(given[1:])
    if given and given[0] in _OTHER_PROGRAMS:
        return _OTHER_PROGRAMS[given[0]](given[1:])
    chosen = _parser().parse_args(given)
    try:
        if chosen.health_check:
            from .health_check import check

            check(_configuration(chosen.config)[1].server)
        elif chosen.command == "migrate":
            from .schema import migrate

            print(migrate(_migration(chosen.config), chosen.wait_seconds))
        else:
            serve(*_configuration(chosen.config))
    except ConfigError as error:
        return _say(error, 2)
    except StartError as error:
        return _say(error, 1)
    return 0


def _audit(arguments: list[str]) -> int:
    from .audit_command import audit

    return audit(arguments)


def _backup(arguments: list[str]) -> int:
    from .backup_command import backup_command

    return backup_command(arguments)


def _backup_volumes(arguments: list[str]) -> int:
    from .volume_command import backup_volumes_command

    return backup_volumes_command(arguments)


def _bridge(arguments: list[str]) -> int:
    from .bridge.command import bridge

    return bridge(arguments)


def _restore(arguments: list[str]) -> int:
    from .backup_command import restore_command

    return restore_command(arguments)


def _restore_manifests(arguments: list[str]) -> int:
    from .manifests_command import restore_manifests_command

    return restore_manifests_command(arguments)


def _restore_volume(arguments: list[str]) -> int:
    from .volume_command import restore_volume_command

    return restore_volume_command(arguments)


def _stand_in(arguments: list[str]) -> int:
    from .stand_in import stand_in

    return stand_in(arguments)


def _forward_logs(arguments: list[str]) -> int:
    from .log_forwarder import forward_logs

    return forward_logs(arguments)


def _log_retention(arguments: list[str]) -> int:
    from .log_retention import log_retention

    return log_retention(arguments)


def _gateway_metrics(arguments: list[str]) -> int:
    from .gateway_metrics import gateway_metrics

    return gateway_metrics(arguments)


def _limit_trace_store(arguments: list[str]) -> int:
    from .trace_store_limit import limit_trace_store

    return limit_trace_store(arguments)


_OTHER_PROGRAMS: Final[Mapping[str, Callable[[list[str]], int]]] = {
    "audit": _audit,
    "backup": _backup,
    "backup-volumes": _backup_volumes,
    "bridge": _bridge,
    "forward-logs": _forward_logs,
    "limit-trace-store": _limit_trace_store,
    "log-retention": _log_retention,
    "restore": _restore,
    "restore-manifests": _restore_manifests,
    "restore-volume": _restore_volume,
    "stand-in": _stand_in,
    "gateway-metrics": _gateway_metrics,
}
"""Commands with options of their own, which read no server.toml."""


def _stop_early(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _configuration(file: Path | None) -> tuple[Path | str, Config]:
    if file is None and ENVIRONMENT in os.environ:
        return ENVIRONMENT, load_environment()
    source = file or CONFIG_DEFAULT
    return source, load(source)


def _migration(file: Path | None) -> MigrationConfig:
    if file is None and ENVIRONMENT in os.environ:
        return MigrationConfig(database=load_environment().database)
    return read_table(file or CONFIG_DEFAULT, MigrationConfig)


def serve(source: Path | str, config: Config) -> None:
    """Serve until SIGTERM or SIGINT.

    The configuration and the ports are checked first, because loading the SDK takes time.
    """
    from .logs import configure
    from .sockets import bound

    if absent := config.absent():
        raise ConfigError(source, absent)
    configure(config)
    sockets = bound(config.server)
    from .serve import run

    run(config, sockets)


def _say(error: Exception, status: int) -> int:
    for line in str(error).splitlines():
        print(f"qudag-mcp-server: {line}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("qudag-mcp-server", description=__doc__)
    parser.add_argument("--version", action="version", version=f"qudag-mcp-server {__version__}")
    parser.add_argument(
        "--health-check",
        action="store_true",
        help="ask the server that runs with this configuration for /health; exit status 0 or 1",
    )
    parser.add_argument("command", nargs="?", choices=["serve", "migrate"], default="serve")
    parser.add_argument(
        "--config",
        type=Path,
        help=f"path of server.toml, of which migrate reads [database] only; default: the text in "
        f"${ENVIRONMENT}, else {CONFIG_DEFAULT}",
    )
    parser.add_argument(
        "--wait-seconds",
        type=float,
        default=60,
        help="how long migrate waits for the database (default 60)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
