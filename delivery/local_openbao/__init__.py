"""Runs an OpenBao and an External Secrets on the local node, for stacks that name its address.

For development alone: the key that OpenBao unseals itself with is in the same cluster.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from graph.stack_files import OURS, StackFiles

from .. import applyset, local_secrets, rollout
from ..image_recipes import BUILT, cached_folder
from ..kubectl import Kubectl, Object, listed
from ..local_secrets import RequiredSecret
from ..progress import Progress
from ..server_side_apply import Change, apply
from .logins import Login, grant, is_local, login_of
from .names import ADDRESS, APPLY_SET, CONTROLLER, IMAGES, NAMESPACE, OPENBAO, SEAL, SEAL_KEY

__all__ = ["LocalOpenBao", "remove_unused", "wanted"]

_SEAL_BYTES: Final = 32


@dataclass(frozen=True)
class LocalOpenBao:
    """What a stack needs of them.

    Attributes:
        login: how the stack's service accounts log in.
        definitions: folder with the custom resource definitions of External Secrets.
    """

    login: Login
    definitions: Path

    @property
    def pods(self) -> list[Object]:
        """Their workloads, with the names of the images that the node needs."""
        from .objects import objects

        return rollout.workloads(objects({name: name for name in IMAGES.values()}))

    def start(
        self, kubectl: Kubectl, images: Mapping[str, str], files: StackFiles, progress: Progress
    ) -> dict[str, Any]:
        """Start both unless they run, and let the stack log in.

        Args:
            images: the node's references of the images, by name.

        Returns:
            The stack's settings with the CA of OpenBao's certificate.
        """
        from .objects import definitions, objects

        every = [*definitions(self.definitions), *objects(images)]
        with progress.step("OpenBao and External Secrets, for development alone") as step:
            made = applyset.prepare(kubectl, APPLY_SET, every)
            _make_secrets(kubectl)
            applied = apply(kubectl, APPLY_SET, every, progress, made=made)
            rollout.wait(kubectl, every, progress)
            granted = grant(kubectl, self.login)
            changed = set(applied.counts()) - {Change.UNCHANGED.value}
            step.result = (
                f"{ADDRESS}, role {self.login.role}" if changed or granted else "nothing changed"
            )
        return _with_authority(kubectl, files)


def wanted(kind: str, files: StackFiles, manifests: Sequence[Object]) -> LocalOpenBao | None:
    """What ``up`` runs for a stack; None on other clusters, and for stacks with other stores.

    Args:
        kind: of the cluster, as in ``Cluster``.
    """
    if kind != "node" or files.project != OURS:
        return None
    login = login_of(manifests)
    if login is None:
        return None
    return LocalOpenBao(login, cached_folder(BUILT[CONTROLLER]) / "crds")


def _make_secrets(kubectl: Kubectl) -> None:
    """Create the certificate of OpenBao and the key of its seal, where they are absent."""
    from .objects import AUTHORITY, TLS

    names = ("openbao", f"{OPENBAO}.{NAMESPACE}.svc", "127.0.0.1")
    local_secrets.create(
        kubectl,
        [
            RequiredSecret(
                namespace=NAMESPACE,
                name=TLS,
                kind="internal-certificate",
                keys=("tls.crt", "tls.key"),
                dns_names=names,
            ),
            RequiredSecret(namespace=NAMESPACE, name=AUTHORITY, kind="authority", keys=("ca.crt",)),
        ],
        (),
    )
    if not kubectl.objects("secret", SEAL, f"--namespace={NAMESPACE}"):
        key = base64.b64encode(secrets.token_bytes(_SEAL_BYTES))
        seal = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SEAL, "namespace": NAMESPACE, "labels": local_secrets.LABELS},
            "data": {SEAL_KEY: base64.b64encode(key).decode()},
        }
        kubectl.must("create", "--filename=-", stdin=json.dumps(seal))


def _with_authority(kubectl: Kubectl, files: StackFiles) -> dict[str, Any]:
    key = f"{files.project}:secrets"
    section: dict[str, Any] = json.loads(files.config[key])
    authority = local_secrets.authority_certificate(kubectl, NAMESPACE)
    return {key: {**section, "vault": {**section["vault"], "ca": authority}}}


def remove_unused(kubectl: Kubectl, progress: Progress) -> None:
    """Delete both, and all entries, unless a stack still reads them."""
    if not applyset.members(kubectl, APPLY_SET):
        return
    # The definition is missing where an earlier `up` was interrupted before it.
    stores = kubectl.run("get", "secretstores", "--all-namespaces", "--output=json")
    if stores.ok and any(is_local(one) for one in listed(stores.out)):
        progress.note("OpenBao stays: another stack reads it")
        return
    with progress.step("Deleting OpenBao and External Secrets"):
        applyset.delete(kubectl, APPLY_SET, progress, at_once=True)
