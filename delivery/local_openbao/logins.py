"""The policy and the role of OpenBao with which a stack reads and writes its entries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.base.problems import Problem, ProblemReport

from ..kubectl import Kubectl, Object
from .names import (
    ADDRESS,
    AUDIENCE,
    AUTH_MOUNT,
    MOUNT,
    NAMESPACE,
    OPENBAO,
    OPERATOR,
    OPERATOR_ACCOUNT,
    POD,
)

TOKEN_MINUTES: Final = 10
_CAPABILITIES: Final = '{ capabilities = ["create", "read", "update"] }'

# The token of the service account is the first line of the input, and each request a further one:
# neither is an argument of a program, which others could list.
_LOG_IN: Final = f"""
read -r jwt
BAO_TOKEN=$(printf %s "$jwt" |
  bao write -field=token auth/{AUTH_MOUNT}/login role={OPERATOR} jwt=-) || exit 1
export BAO_TOKEN
"""
_READ: Final = """
while read -r path; do
  if answer=$(bao read -format=json "$path" 2> /tmp/error); then
    printf '%s %s\\n' "$path" "$(printf %s "$answer" | tr -d '\\n')"
  elif ! grep -q 'No value found' /tmp/error; then
    cat /tmp/error >&2
    exit 1
  fi
done
"""
_WRITE: Final = """
while read -r path data; do
  printf %s "$data" | bao write "$path" - > /dev/null || exit 1
done
"""


@dataclass(frozen=True, kw_only=True)
class Login:
    """What a stack needs to log in.

    Attributes:
        role: role of the Kubernetes authentication, and name of its policy.
        account: service account that is bound to it, in each of ``namespaces``.
        audience: audience of the service account's token.
        prefixes: what the names of the stack's entries begin with.
    """

    role: str
    account: str
    audience: str
    namespaces: Sequence[str]
    prefixes: Sequence[str]

    @property
    def requests(self) -> dict[str, dict[str, Any]]:
        """What is written to OpenBao, by path."""
        return {
            f"sys/policies/acl/{self.role}": {"policy": "".join(map(_rights, self.prefixes))},
            f"auth/{AUTH_MOUNT}/role/{self.role}": {
                "audience": self.audience,
                "bound_service_account_names": [self.account],
                "bound_service_account_namespaces": list(self.namespaces),
                "token_policies": [self.role],
                "token_ttl": TOKEN_MINUTES * 60,
            },
        }


def _rights(prefix: str) -> str:
    return "".join(
        f'path "{MOUNT}/{part}/{prefix}/*" {_CAPABILITIES}\n' for part in ("data", "metadata")
    )


def login_of(manifests: Iterable[Object]) -> Login | None:
    """The login of a stack that reads the OpenBao of the local node; None for other stacks.

    Raises:
        ProblemReport: it asks for another mount than this OpenBao has.
    """
    things = list(manifests)
    found = [(one, one["spec"]["provider"]["vault"]) for one in things if is_local(one)]
    if not found:
        return None
    vault = found[0][1]
    kubernetes = vault["auth"]["kubernetes"]
    _refuse_other_paths(vault, kubernetes["mountPath"])
    account = kubernetes["serviceAccountRef"]
    return Login(
        role=kubernetes["role"],
        account=account["name"],
        audience=account["audiences"][0],
        namespaces=sorted(one["metadata"]["namespace"] for one, _ in found),
        prefixes=sorted({key.rpartition("/")[0] for key in _entries(things)}),
    )


def is_local(thing: Object) -> bool:
    """Whether it is a SecretStore of the local node's OpenBao."""
    vault: Mapping[str, Any] = thing.get("spec", {}).get("provider", {}).get("vault", {})
    return thing["kind"] == "SecretStore" and vault.get("server") == ADDRESS


def _entries(things: Iterable[Object]) -> Iterable[str]:
    """The entries that the stack reads and writes."""
    for thing in things:
        for one in thing.get("spec", {}).get("data", ()):
            match thing["kind"]:
                case "ExternalSecret":
                    yield one["remoteRef"]["key"]
                case "PushSecret":
                    yield one["match"]["remoteRef"]["remoteKey"]
                case _:
                    pass


def _refuse_other_paths(vault: Mapping[str, Any], auth_mount: str) -> None:
    stated = {"mount": vault["path"], "authMount": auth_mount, "namespace": vault.get("namespace")}
    wanted = {"mount": MOUNT, "authMount": AUTH_MOUNT, "namespace": None}
    problems = [
        Problem(
            f"secrets.vault.{name}",
            f"is {stated[name]}, and the OpenBao of the local node has "
            f"{'none' if value is None else f'{value} alone'}",
            "External Secrets could not log in, or would find no entry",
            "remove the field, or use another cluster",
        )
        for name, value in wanted.items()
        if stated[name] != value
    ]
    if problems:
        raise ProblemReport(problems)


def grant(kubectl: Kubectl, login: Login) -> bool:
    """Write the stack's policy and role unless OpenBao has them; returns whether it wrote.

    Raises:
        ProblemReport: the role belongs to another stack, or OpenBao does not answer.
    """
    there = _there(kubectl, login)
    role = there.get(f"auth/{AUTH_MOUNT}/role/{login.role}", {})
    bound: list[str] = role.get("bound_service_account_namespaces") or []
    if bound and not set(bound) & set(login.namespaces) and _exist(kubectl, bound):
        raise ProblemReport(
            [
                Problem(
                    "secrets.vault.role",
                    f"is {login.role}, which the namespaces {', '.join(bound)} log in with",
                    "one of the two stacks could not read its entries",
                    "write a role of this stack's own, such as the stack's name",
                )
            ]
        )
    if all(
        there.get(path, {}).get(key) == value
        for path, data in login.requests.items()
        for key, value in data.items()
    ):
        return False
    lines = [f"{path} {json.dumps(data)}" for path, data in login.requests.items()]
    as_operator(kubectl, _WRITE, lines)
    return True


def _there(kubectl: Kubectl, login: Login) -> dict[str, dict[str, Any]]:
    """The stack's policy and role as OpenBao has them, by path, without absent ones."""
    said = as_operator(kubectl, _READ, login.requests)
    answers = (line.partition(" ") for line in said.splitlines())
    return {path: json.loads(answer)["data"] for path, _, answer in answers}


def _exist(kubectl: Kubectl, namespaces: Iterable[str]) -> bool:
    return bool(kubectl.objects(*(f"namespace/{one}" for one in namespaces)))


def as_operator(kubectl: Kubectl, script: str, lines: Iterable[str] = ()) -> str:
    """Run a shell script in the pod of OpenBao, in which `bao` is logged in as its operator.

    Args:
        lines: its standard input, where secret values belong: arguments can be listed by others.
    """
    where = f"--namespace={NAMESPACE}"
    token = kubectl.must(
        *("create", "token", OPERATOR_ACCOUNT, where),
        *(f"--audience={AUDIENCE}", f"--duration={TOKEN_MINUTES}m"),
    )
    return kubectl.must(
        *("exec", "--stdin", where, POD, f"--container={OPENBAO}", "--"),
        *("sh", "-c", _LOG_IN + script),
        stdin="\n".join([token.strip(), *lines, ""]),
    )
