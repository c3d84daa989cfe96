"""The command `qudag-mcp-server audit`: keeps, checks and exports the audit log."""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ConfigDict

from .audit_chain import Chain, ChainError, Head, head_of, rows_of
from .audit_keeper import Keeper
from .backup_config import BackupSection
from .config import KeeperSection
from .toml_config import ConfigError, Section, StartError, read_table

DAMAGED = 3
"""Exit status for rows that are missing or were changed."""


class AuditConfig(Section):
    """The sections `[audit_keeper]` and `[audit_bucket]` of a file that may have others."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    audit_keeper: KeeperSection
    audit_bucket: BackupSection | None = None


def audit(arguments: Sequence[str]) -> int:
    """Run it: exit status 0 done, 1 failed, 2 wrong usage or configuration, 3 damaged rows."""
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.action == "verify" and chosen.file:
            print(f"audit log: {verified(chosen.file, dict(chosen.head))}")
            return 0
        if chosen.config is None:
            print("qudag-mcp-server audit: --config is missing", file=sys.stderr)
            return 2
        config = read_table(chosen.config, AuditConfig)
        keeper = Keeper(config.audit_keeper, chosen.wait_seconds, config.audit_bucket)
        match chosen.action:
            case "keep":
                print("\n".join(f"audit log: {line}" for line in keeper.keep()))
            case "verify":
                print(f"audit log: {keeper.verify(dict(chosen.head))}")
            case _:
                for line in keeper.export(chosen.after):
                    print(line)
    except ConfigError as error:
        return _say(error, 2)
    except ChainError as error:
        return _say(f"the audit log is damaged: {error}", DAMAGED)
    except (StartError, OSError) as error:
        return _say(error, 1)
    return 0


def verified(files: Sequence[Path], heads: Mapping[int, str]) -> str:
    """Check exported files, which continue each other; returns what was checked.

    Raises:
        ChainError: a row is missing or was changed.
        OSError: a file cannot be read.
    """
    chain = Chain(heads)
    for file in files:
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rt", encoding="utf-8") as lines:
            for row in rows_of(lines, str(file)):
                chain.add(row)
    chain.end()
    return chain.summary()


def _say(error: object, status: int) -> int:
    for line in str(error).splitlines():
        print(f"qudag-mcp-server: {line}", file=sys.stderr)
    return status


def _head(text: str) -> Head:
    try:
        return head_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("qudag-mcp-server audit", description=__doc__)
    parser.add_argument(
        "action",
        choices=["keep", "verify", "export"],
        help="keep: make partitions, verify, export closed months and drop old ones; verify: find "
        "the first row that is missing or was changed; export: write the rows as lines of JSON",
    )
    parser.add_argument("--config", type=Path, help="file with the section [audit_keeper]")
    parser.add_argument(
        "--file", type=Path, action="append", help="verify exported files, oldest first"
    )
    parser.add_argument(
        "--head",
        type=_head,
        action="append",
        default=[],
        metavar="SEQ:HASH",
        help="a row as an audit_head event of a log has it, which verify must find",
    )
    parser.add_argument("--after", type=int, default=0, help="export rows after this number only")
    parser.add_argument(
        "--wait-seconds", type=float, default=60, help="how long to wait for the database"
    )
    return parser
