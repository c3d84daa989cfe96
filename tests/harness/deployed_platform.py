"""A platform on real pods, deployed and used with the command `qudag-mcp`."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from delivery import cluster
from delivery.kubectl import Kubectl
from delivery.local_secrets import signer_key
from delivery.mcp_client import Endpoint, mint
from delivery.outputs import Deployed, reachable
from delivery.stack_identity import StackIdentity
from delivery.state_folders import state_folder
from tests.harness.restricted_path import path_without

ROOT = Path(__file__).resolve().parents[2]
FIRST_UP_SECONDS = 3600  # the first run on a machine builds Kubernetes
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Ran:
    """Exit status, output and duration of a subcommand."""

    status: int
    out: str
    err: str
    seconds: float


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start a subcommand of `qudag-mcp`."""
    return subprocess.Popen(
        [sys.executable, "-m", "delivery", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def verb(*arguments: str) -> Ran:
    """Run a subcommand of `qudag-mcp` to its end."""
    started = time.monotonic()
    with start(*arguments) as running:
        out, err = running.communicate(timeout=FIRST_UP_SECONDS)
    return Ran(running.returncode, out, err, time.monotonic() - started)


def up(*options: str) -> Ran:
    """Run `up`, and create absent Secrets in a throw-away cluster."""
    return verb("up", "--create-secrets", *options)


@dataclass(frozen=True)
class Platform:
    """A deployed platform."""

    deployed: Deployed
    kubectl: Kubectl
    url: str

    @property
    def namespace(self) -> str:
        return str(self.deployed.outputs["namespace"])

    @property
    def namespaces(self) -> list[str]:
        """All namespaces of the platform, its own first."""
        return self.deployed.outputs.get("namespaces") or [self.namespace]

    def endpoint(self, **claims: str) -> Endpoint:
        """The platform's endpoint, with a token that has these claims.

        Without a subject it is the token of a new user: a server limits the messages of each, and
        quick tests of one user would use up each other's rate.
        """
        return next(self._endpoints([{"subject": _new_user(), **claims}]))

    def endpoints_of_users(self) -> Iterator[Endpoint]:
        """The platform's endpoint again and again, each time with the token of another user."""
        return self._endpoints({"subject": _new_user()} for _ in itertools.count())

    def _endpoints(self, claims: Iterable[Mapping[str, str]]) -> Iterator[Endpoint]:
        outputs = self.deployed.outputs
        private = signer_key(self.kubectl, self.namespace)
        assert private is not None
        usual = {"issuer": outputs["issuer"], "audience": outputs["audience"]}
        for own in claims:
            token = mint(private, **{**usual, **own})
            yield Endpoint(url=self.url, token=token, ca_file=self.deployed.ca_file)

    def pods(self, workload: str | None = None) -> list[dict[str, Any]]:
        """All pods, or those of one workload that are not being deleted."""
        spaces = self.namespaces
        found = [pod for one in spaces for pod in self.kubectl.objects("pods", f"-n={one}")]
        if workload is None:
            return found
        return [
            pod
            for pod in found
            if pod["metadata"]["labels"].get("app") == workload
            and "deletionTimestamp" not in pod["metadata"]
        ]

    def run_in(self, pod: dict[str, Any], *command: str) -> str:
        """Run a command in the first container of a pod; returns its output, or fails."""
        container = pod["spec"]["containers"][0]["name"]
        metadata = pod["metadata"]
        where = [f"-n={metadata['namespace']}", metadata["name"], f"-c={container}"]
        return self.kubectl.must("exec", *where, "--", *command)


def _new_user() -> str:
    return f"user-{next(_NUMBERS)}"


@contextlib.contextmanager
def deployed_stack(stack: StackIdentity) -> Generator[Platform]:
    """The deployed stack, with a URL to which clients can connect."""
    done = up(*stack_options(stack))
    assert done.status == 0, done.err + done.out
    deployed = Deployed.read(state_folder(stack.key), stack)
    found = cluster.running(deployed.request)
    assert found is not None
    with reachable(deployed.outputs["mcp_url"], deployed, found.kubectl) as url:
        yield Platform(deployed, found.kubectl, url)


def stack_options(stack: StackIdentity) -> list[str]:
    """The options that select the stack in a subcommand."""
    return [f"--cwd={stack.root}", f"--stack={stack.name}"]


@contextlib.contextmanager
def deployed_program(stack: StackIdentity) -> Generator[Platform]:
    """A stack of a test's own, taken down at the end; applied without Pulumi.

    Pulumi keeps the state of such a stack in a backend of the user's.
    """
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("PATH", path_without("pulumi"))
        with deployed_stack(stack) as platform:
            yield platform
        ended = verb("down", "--keep-cluster", "--yes", *stack_options(stack))
    assert ended.status == 0, ended.err
