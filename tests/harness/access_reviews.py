"""Asks a real API server what a subject may do: the reviews of authorization.k8s.io."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import httpx2
import yaml

from .apiserver import ApiServer

API: Final = "/apis/authorization.k8s.io/v1"
AUTHENTICATED: Final = "system:authenticated"


@dataclass(frozen=True)
class Subject:
    """The user and groups of a review.

    Attributes:
        user: the name in the certificate or token.
        groups: those besides ``system:authenticated``.
    """

    user: str
    groups: tuple[str, ...]

    @classmethod
    def service_account(cls, namespace: str, name: str) -> Subject:
        """The pods of a service account, if they had a token."""
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        return cls(f"system:serviceaccount:{namespace}:{name}", groups)

    @classmethod
    def member(cls, group: str) -> Subject:
        """Somebody in a group."""
        return cls("somebody@example.com", (group,))


@dataclass(frozen=True)
class AccessReviews:
    """The reviews of one API server, asked as its administrator."""

    http: httpx2.Client

    def allowed(self, subject: Subject, actions: Sequence[str], namespace: str = "") -> list[str]:
        """Those of the actions that the subject may do.

        Args:
            subject: who would do them.
            actions: as ``verb resource``, ``verb resource.group/subresource name`` or
                ``verb /path``.
            namespace: where; empty: in all of them, or for what has no namespace.
        """

        def asked(action: str) -> bool:
            return self._allows(subject, action, namespace)

        with ThreadPoolExecutor(4) as asking:
            answers = asking.map(asked, actions)
            return [one for one, allowed in zip(actions, answers, strict=True) if allowed]

    def _allows(self, subject: Subject, action: str, namespace: str) -> bool:
        spec = {
            "user": subject.user,
            "groups": [*subject.groups, AUTHENTICATED],
            **_attributes(action, namespace),
        }
        status = self._asked("subjectaccessreviews", spec)
        assert not status.get("evaluationError"), status
        return status["allowed"]

    def every_permission(self, subject: Subject, namespace: str) -> set[str]:
        """Everything that the subject may do in a namespace, in the form of ``allowed``."""
        headers = [("Impersonate-User", subject.user)]
        headers += [("Impersonate-Group", group) for group in (*subject.groups, AUTHENTICATED)]
        status = self._asked("selfsubjectrulesreviews", {"namespace": namespace}, headers)
        return {*_of_resources(status["resourceRules"]), *_of_paths(status["nonResourceRules"])}

    def _asked(
        self, kind: str, spec: Mapping[str, Any], headers: Sequence[tuple[str, str]] = ()
    ) -> dict[str, Any]:
        answer = self.http.post(f"{API}/{kind}", json={"spec": spec}, headers=list(headers))
        assert answer.status_code == 201, answer.text
        return answer.json()["status"]


@contextlib.contextmanager
def access_reviews(server: ApiServer) -> Generator[AccessReviews]:
    """Connections to the server with the administrator's certificate."""
    kubeconfig = yaml.safe_load(server.kubeconfig.read_text())
    keys = server.run / "pki"
    trust = ssl.create_default_context(cafile=keys / "ca.crt")
    trust.load_cert_chain(keys / "admin.crt", keys / "admin.key")
    base = kubeconfig["clusters"][0]["cluster"]["server"]
    with httpx2.Client(base_url=base, verify=trust, trust_env=False, timeout=30) as http:
        yield AccessReviews(http)


def _attributes(action: str, namespace: str) -> dict[str, Any]:
    verb, what, *name = action.split()
    if what.startswith("/"):
        return {"nonResourceAttributes": {"verb": verb, "path": what}}
    resource, _, below = what.partition("/")
    resource, _, group = resource.partition(".")
    attributes = {"verb": verb, "resource": resource, "group": group, "subresource": below}
    return {"resourceAttributes": attributes | {"namespace": namespace, "name": "".join(name)}}


def _of_resources(rules: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for rule in rules:
        names = rule.get("resourceNames") or [""]
        for verb, group, resource, name in product(
            rule["verbs"], rule["apiGroups"], rule["resources"], names
        ):
            kind, slash, below = resource.partition("/")
            whole = f"{kind}.{group}" if group else kind
            yield f"{verb} {whole}{slash}{below} {name}".rstrip()


def _of_paths(rules: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for rule in rules:
        for verb, path in product(rule["verbs"], rule["nonResourceURLs"]):
            yield f"{verb} {path}"
