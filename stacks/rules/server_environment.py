"""Rules for what the containers of `servers` get: Secrets, variables and user ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem

from ..config.stack import StackConfig
from ..pod_settings import pod_settings
from .cluster import PRIVATE_KEYS
from .rule import Rule, at, path_of


def server_secrets_are_its_own(config: StackConfig) -> Iterator[Problem]:
    """No server reads a Secret of the platform, or of another server's certificate."""
    names = config.secrets
    own = {names.passwords, names.tls, names.issuer_keys, names.user_keys, *PRIVATE_KEYS}
    certificates = {names.internal_ca, names.issuer_ca}
    for name, server in config.servers.items():
        read = {
            path_of("servers", name, "secretEnv", variable): written.partition("/")[::2]
            for variable, written in server.secret_env.items()
        }
        for variable, key in pod_settings(config, name).secret_env.items():
            service = config.kubernetes.service_pods.get(name)
            steps = (
                ("servicePods", name) if service and variable in service.secret_env else ("pods",)
            )
            path = path_of("kubernetes", *steps, "secretEnv", variable)
            read[path] = (key.secret, key.key)
        for path, (secret, key) in read.items():
            private = secret in certificates and key != "ca.crt"
            if private or secret in own or secret.startswith(f"{names.internal_tls}-"):
                yield at(
                    path,
                    f"is of the Secret {secret}, which holds keys of the platform",
                    f"the program of the server {name} could read passwords, sign tokens or "
                    "decrypt what users keep",
                    "create a Secret for this server, and name that",
                )


def variables_are_set_once(config: StackConfig) -> Iterator[Problem]:
    """No variable is in the section servers and in the settings of that server's pods."""
    for name, server in config.servers.items():
        settings = pod_settings(config, name)
        for field, given in (("env", server.env), ("secretEnv", server.secret_env)):
            for variable in sorted(given.keys() & {*settings.env, *settings.secret_env}):
                yield at(
                    path_of("servers", name, field, variable),
                    "is also in kubernetes.pods or kubernetes.servicePods",
                    "the container would have the variable twice",
                    "leave one of the two out",
                )


def user_ids_are_set_once(config: StackConfig) -> Iterator[Problem]:
    """A user id is set where the cluster assigns none."""
    for name, server in config.servers.items():
        settings = (config.kubernetes.service_pods.get(name), config.kubernetes.pods)
        assigned = next((each.user_ids for each in settings if each and each.user_ids), None)
        if server.user is not None and assigned == "platform":
            yield at(
                path_of("servers", name, "user"),
                "is set, and kubernetes.pods.userIds is platform",
                "it would have no effect: the cluster assigns user ids",
                "leave one of the two out",
            )


SERVER_ENVIRONMENT_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("servers", "secrets"), server_secrets_are_its_own),
    (("servers", "kubernetes.pods", "kubernetes.servicePods"), variables_are_set_once),
    (("servers", "kubernetes.pods", "kubernetes.servicePods"), user_ids_are_set_once),
]
"""Each rule with what it reads."""
