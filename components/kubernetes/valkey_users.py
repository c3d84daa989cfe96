"""The users of Valkey: each service logs in with a name of its own and may run few commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from ..base.arg_types import DnsLabel, SecretName
from ..base.problems import Problem
from ..mcp.session_commands import SESSION_COMMANDS
from .container import SecretFiles
from .templates import render

USERS_PATH: Final = "/etc/valkey-users"
PASSWORD: Final = "password"  # noqa: S105  (the name of a key)
"""Key of a user's Secret. Each line is a password that Valkey accepts; clients send the first."""
RELOADER: Final = "reloader"
"""User of the start script, with a random password for each start."""
RESERVED: Final = ("default", RELOADER)


class ValkeyAccess(Enum):
    """What a user may do.

    PING: ask whether Valkey answers.
    SESSIONS: keep sessions, in keys that begin with the user's name and a colon.
    PROGRAM: data commands, in keys and channels that begin with the user's name and a colon.
    """

    PING = "ping"
    SESSIONS = "sessions"
    PROGRAM = "program"


_NAMES_OF_ALL_KEYS: Final = ("scan", "randomkey", "dbsize", "pubsub")
"""Read-only commands that tell about keys and channels of other users."""
_OF_EVERYBODY: Final = ("function", "script|flush", "script|kill", "swapdb")
"""Commands that change what other users run."""


@dataclass(frozen=True, kw_only=True)
class ValkeyUser:
    """A user of Valkey.

    Attributes:
        name: name of the user, and with a colon the prefix of its keys.
        secret: Secret whose key ``password`` has the user's passwords, one a line.
        access: what the user may do.
    """

    name: DnsLabel
    secret: SecretName
    access: ValkeyAccess = ValkeyAccess.SESSIONS

    def rules(self) -> str:
        """The user's rules in Valkey's ACL syntax, without the passwords."""
        own = f"~{self.name}:*"
        match self.access:
            case ValkeyAccess.PING:
                return acl_rules(["ping"])
            case ValkeyAccess.SESSIONS:
                return acl_rules(SESSION_COMMANDS, keys=own)
            case ValkeyAccess.PROGRAM:
                denied = [f"-{name}" for name in (*_NAMES_OF_ALL_KEYS, *_OF_EVERYBODY)]
                # Clients of several libraries ask for the version when they connect.
                allowed = ["+@all", "-@admin", "-@dangerous", "+info"]
                return " ".join([own, "resetchannels", f"&{self.name}:*", *allowed, *denied])

    def files(self) -> SecretFiles:
        """The user's passwords, as Valkey's pod mounts them."""
        return SecretFiles(secret=self.secret, path=f"{USERS_PATH}/{self.name}", keys=(PASSWORD,))


def acl_rules(commands: Sequence[str], *, keys: str = "", channels: str = "") -> str:
    """Rules that allow the commands and nothing else."""
    allowed = ["-@all", *(f"+{command}" for command in commands)]
    return " ".join(filter(None, [keys, "resetchannels", channels, *allowed]))


def user_problems(users: Sequence[ValkeyUser], reserved: Sequence[str]) -> Iterator[Problem]:
    """Names that two users have, or that Valkey's pod itself uses."""
    seen: set[str] = set()
    for index, user in enumerate(users):
        if user.name in reserved or user.name in seen:
            who = "another user" if user.name in seen else "a user of the pod itself"
            yield Problem(
                f"users[{index}].name",
                f"{user.name} is the name of {who}",
                "one of the two would have the commands and passwords of the other",
                "give it another name",
            )
        seen.add(user.name)


def users_file(users: Sequence[ValkeyUser], rules: Mapping[str, str] = MappingProxyType({})) -> str:
    """What the start script makes the ACL file of: a user, its passwords' file, rules a line.

    Args:
        users: in the order of the file.
        rules: by name, for users whose access does not say what they may do.
    """
    return "".join(
        f"{user.name} {user.files().path}/{PASSWORD} {rules.get(user.name) or user.rules()}\n"
        for user in users
    )


@dataclass(frozen=True, kw_only=True)
class OwnPassword:
    """The password with which a program logs in to the same programs of other pods.

    Attributes:
        user: as which it logs in.
        sends: by the ACL rule that each of them needs, the commands whose last argument is the
            password.
    """

    user: str
    sends: Mapping[str, str]


def users_script(
    *, folder: str, port: int, shared_password: str = "", own: OwnPassword | None = None
) -> str:
    """Shell lines that write the ACL file, and load it again when a password has changed.

    Args:
        folder: directory of the file ``users``.
        port: of the program that loads them.
        shared_password: file with the passwords of the user ``default``; empty: it is off.
        own: the password that the program itself sends; a changed one is sent to the program.
    """
    return render(
        "valkey-users.sh.j2",
        folder=folder,
        port=port,
        shared_password=shared_password,
        own_user=own.user if own else "",
        own_password=f"{USERS_PATH}/{own.user}/{PASSWORD}" if own else "",
        sends=[{"rule": rule, "command": each} for rule, each in own.sends.items()] if own else [],
    )
