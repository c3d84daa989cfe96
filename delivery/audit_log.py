"""Checks the audit log of a deployed stack, or files that were exported from it."""

from __future__ import annotations

import gzip
import json
import secrets
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from components.base.problems import Problem, ProblemReport
from components.kubernetes.audit_keeper import AUDIT_CONFIG, AUDIT_KEEPER
from components.mcp.server_config import PROGRAM
from components.mcp.store_files import AUDIT
from runtime.audit_chain import ChainError, head_of
from runtime.audit_command import DAMAGED, verified

from .cluster import running
from .kubectl import Kubectl, Object
from .option_values import refused
from .outputs import Deployed
from .stack_identity import StackIdentity
from .state_folders import state_folder

WITHIN_SECONDS: Final = 3600
_POLL_SECONDS: Final = 1


def verify(stack: StackIdentity, heads: Sequence[str]) -> str:
    """Check the log of a deployed stack in a Job of its cluster; returns what was checked.

    Rows that servers have named in their logs must be in it, and those in `heads`.

    Raises:
        ProblemReport: a row is missing or was changed, or the stack has no audit log.
    """
    given = _heads(heads)
    deployed = Deployed.read(state_folder(stack.key), stack)
    cluster = running(deployed.request)
    if cluster is None:
        raise ProblemReport(
            [
                Problem(
                    f"stack {stack.name}",
                    "the stack was deployed, but its cluster no longer runs",
                    "its audit log cannot be read",
                    stack.command("up"),
                )
            ]
        )
    return verify_in(cluster.kubectl, deployed.outputs["namespace"], given)


def verify_in(kubectl: Kubectl, namespace: str, heads: Mapping[int, str]) -> str:
    """As ``verify``, of the platform in a namespace."""
    found = kubectl.objects("cronjob", AUDIT_KEEPER, f"-n={namespace}")
    if not found:
        raise ProblemReport(
            [
                Problem(
                    f"CronJob/{namespace}/{AUDIT_KEEPER}",
                    "does not exist: the stack has no audit log",
                    "there is nothing to check",
                    "set audit.enabled: true in the stack file and deploy it",
                )
            ]
        )
    named = named_heads(kubectl, namespace)
    job = verification(found[0], {**named, **heads})
    name = job["metadata"]["name"]
    kubectl.must("create", "--filename=-", stdin=json.dumps(job))
    try:
        status = _exit_status(kubectl, namespace, name)
        said = kubectl.must("logs", f"job/{name}", f"-n={namespace}", "--tail=-1").strip()
    finally:
        kubectl.run("delete", "job", name, f"-n={namespace}", "--wait=false")
    if status == 0:
        return f"{said}; rows named in logs of servers: {len(named)}"
    said = said.removeprefix("qudag-mcp-server: ")
    raise ProblemReport(
        [_damage(said) if status == DAMAGED else _failure(f"Job/{namespace}/{name}", said)]
    )


def verify_files(files: Sequence[Path], heads: Sequence[str]) -> str:
    """Check exported files, oldest first; returns what was checked.

    Raises:
        ProblemReport: a row is missing or was changed, or a file cannot be read.
    """
    try:
        return f"audit log: {verified(files, _heads(heads))}"
    except ChainError as error:
        raise ProblemReport([_damage(f"the audit log is damaged: {error}")]) from None
    except UnicodeDecodeError as error:
        raise ProblemReport([_damage(f"a file is not UTF-8: {error}")]) from None
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ProblemReport([_damage(f"a file is not gzip, or was cut: {error}")]) from None
    except OSError as error:
        raise refused(
            f"--file {error.filename}",
            f"it cannot be read: {error.strerror}",
            "nothing was checked",
            "name the exported files, oldest first",
        ) from None


def verification(keeper: Object, heads: Mapping[int, str]) -> Object:
    """The Job that checks the log: the pods of the keeper with another command."""
    spec: Any = json.loads(json.dumps(keeper["spec"]["jobTemplate"]["spec"]))
    (container,) = spec["template"]["spec"]["containers"]
    named = [part for seq in sorted(heads) for part in ("--head", f"{seq}:{heads[seq]}")]
    container["command"] = [PROGRAM, "audit", "verify", "--config", AUDIT_CONFIG, *named]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"mcp-audit-verify-{secrets.token_hex(4)}",
            "namespace": keeper["metadata"]["namespace"],
            "labels": keeper["metadata"].get("labels", {}),
        },
        "spec": {**spec, "backoffLimit": 0, "ttlSecondsAfterFinished": WITHIN_SECONDS},
    }


def named_heads(kubectl: Kubectl, namespace: str) -> dict[int, str]:
    """The rows that servers which write the log have named in their own logs."""
    found: dict[int, str] = {}
    for pod in kubectl.objects("pods", f"-n={namespace}"):
        if not _writes(pod):
            continue
        name = pod["metadata"]["name"]
        for container in pod["spec"]["containers"]:
            outcome = kubectl.run(
                "logs", name, f"-n={namespace}", f"--container={container['name']}", "--tail=-1"
            )
            if outcome.ok:
                found |= heads_in(outcome.out.splitlines())
    return found


def heads_in(lines: Iterable[str]) -> dict[int, str]:
    """Numbers and hashes of the events `audit_head` in lines of a log."""
    found: dict[int, str] = {}
    for line in lines:
        if '"audit_head"' in line:
            try:
                told: Any = json.loads(line)
                found[int(told["seq"])] = str(told["hash"])
            except (ValueError, KeyError, TypeError):
                continue
    return found


def _writes(pod: Object) -> bool:
    """Whether it has the password of the role that writes: in one of two places."""
    spec = pod["spec"]
    own = (
        mount["mountPath"] == AUDIT.path
        for container in spec["containers"]
        for mount in container.get("volumeMounts", [])
    )
    shared = (
        item["key"] == AUDIT.password_key
        for volume in spec.get("volumes", [])
        for item in volume.get("secret", {}).get("items", [])
    )
    return any(own) or any(shared)


def _exit_status(kubectl: Kubectl, namespace: str, job: str) -> int:
    """The exit status of the Job's only pod."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < deadline:
        for pod in kubectl.objects("pods", f"-n={namespace}", f"--selector=job-name={job}"):
            for one in pod.get("status", {}).get("containerStatuses", []):
                if ended := one["state"].get("terminated"):
                    return int(ended["exitCode"])
        time.sleep(_POLL_SECONDS)
    raise TimeoutError(f"Job/{namespace}/{job} did not end within {WITHIN_SECONDS} s")


def _heads(written: Sequence[str]) -> dict[int, str]:
    found: dict[int, str] = {}
    problems: list[Problem] = []
    for text in written:
        try:
            seq, digest = head_of(text)
            found[seq] = digest
        except ValueError as error:
            problems.append(
                Problem(
                    "--head",
                    str(error),
                    "it is not known which row is meant",
                    "write the number and the hash of an audit_head event, as SEQ:HASH",
                )
            )
    if problems:
        raise ProblemReport(problems)
    return found


def _damage(what: str) -> Problem:
    return Problem(
        "audit",
        what,
        "the log does not show what happened",
        "compare it with exported files and the audit_head events of collected logs; "
        "docs/how-to/read-the-audit-log.md says what each message means",
    )


def _failure(where: str, what: str) -> Problem:
    return Problem(
        where,
        what or "ended without a message",
        "the audit log was not checked",
        "repair what it names, and run the command again",
    )
