"""The command `qudag-mcp-server bridge`: serves a stdio program over Streamable HTTP."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from typing import Any

from ..logs import configure
from ..sockets import bound
from ..toml_config import ConfigError, StartError, validated
from .options import BridgeOptions

USAGE = "qudag-mcp-server bridge [options] -- COMMAND [ARGUMENT...]"


def bridge(arguments: list[str]) -> int:
    """Run the bridge until SIGTERM; exit status 0 done, 1 failed, 2 wrong usage."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    given = vars(_parser().parse_args(arguments[:end]))
    command = tuple(arguments[end + 1 :])
    try:
        options = _options(given, command)
        if options.traces is not None:
            from ..span_provider import check_libraries

            check_libraries("--traces-endpoint")
        sockets = bound(options.config.server)
    except ConfigError as error:
        return _say(error, 2)
    except StartError as error:
        return _say(error, 1)
    configure(options.config)
    # After the checks, because loading the SDK takes time.
    from ..listeners import listen
    from .application import bridge_application

    listen(options.config, sockets, bridge_application(command, options))
    return 0


def _options(given: dict[str, Any], command: tuple[str, ...]) -> BridgeOptions:
    """Check the options and the command; raises `ConfigError` with all problems."""
    problems: list[str] = []
    if not command:
        problems.append(f"bridge: no program to run; usage: {USAGE}")
    elif shutil.which(command[0]) is None:
        problems.append(f"bridge: {command[0]}: no such program on PATH, or it is not executable")
    options: BridgeOptions | None = None
    try:
        chosen = BridgeOptions.from_environment(os.environ) | {
            name: value for name, value in given.items() if value is not None
        }
        options = validated("bridge", chosen, BridgeOptions)
    except ConfigError as error:
        problems += [
            problem.replace("bridge: the file: ", "bridge: ") for problem in error.problems
        ]
    if problems or options is None:
        raise _OptionsError(problems)
    return options


class _OptionsError(ConfigError):
    """Problems of the command line, each with its option."""

    def __init__(self, problems: list[str]) -> None:
        Exception.__init__(self, "\n".join(problems))
        self.problems = tuple(problems)


def _say(error: Exception, status: int) -> int:
    for line in str(error).splitlines():
        print(f"qudag-mcp-server: {line}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "qudag-mcp-server bridge", usage=USAGE, description=__doc__, allow_abbrev=False
    )
    for field in BridgeOptions.model_fields.values():
        assert field.alias is not None
        default = "none" if field.default is None else field.default
        parser.add_argument(
            field.alias,
            dest=field.alias,
            metavar="VALUE",
            help=f"{field.description} (default {default})".replace("(default )", ""),
        )
    return parser
