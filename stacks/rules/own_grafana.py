"""What must hold between the platform's own Grafana and the rest of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.base.versions import VERSIONS

from ..config.stack import StackConfig
from ..monitoring import has_own_grafana, own_login, own_sign_in
from .issuer import issuer_is_reachable
from .rule import Rule, at

_SECTION: Final = "observability.standalone.grafana"
_SIGN_IN: Final = f"{_SECTION}.signIn"


def grafana_image_is_named(config: StackConfig) -> Iterator[Problem]:
    """Its image is set only if it runs, is one with data sources, and is named outside dev."""
    image = config.images.grafana
    if not has_own_grafana(config):
        if image is not None:
            yield at(
                "images.grafana",
                f"is set, and {_SECTION} is not",
                "it would have no effect",
                f"set observability.kind to standalone and {_SECTION}: {{}}, or remove it",
            )
        return
    if image is not None and "-slim" in image.rpartition("/")[2]:
        yield at(
            "images.grafana",
            "is a slim variant",
            "it has no data source for Prometheus, and no network policy lets it download one: "
            "the dashboards would be empty",
            "name the same version without -slim",
        )
    if config.environment != "dev" and image is None:
        yield at(
            "images.grafana",
            f"is missing, and {_SECTION} is set",
            "a tag can be moved: an image that was never tested could run",
            f"name it with its digest: {VERSIONS['images']['grafana']}@sha256:…",
        )


def people_can_sign_in(config: StackConfig) -> Iterator[Problem]:
    """Grafana reaches the issuer, browsers come back to it, and somebody has a role."""
    section = own_sign_in(config)
    if section is None:
        return
    from components.observability.grafana_sign_in import role_problems, scope_problems

    roles = section.roles
    groups = {"admins": roles.admins, "editors": roles.editors, "viewers": roles.viewers}
    for prefix, found in (
        (_SIGN_IN, scope_problems(section.scopes)),
        (f"{_SIGN_IN}.roles", role_problems(groups)),
    ):
        for one in found:
            yield at(f"{prefix}.{one.path}", one.what, one.consequence, one.fix)
    yield from issuer_is_reachable(
        config,
        _SIGN_IN,
        {"tokenUrl": section.token_url, "userInfoUrl": section.user_info_url},
        who="Grafana",
        then="nobody could sign in",
    )


def the_client_secret_is_of_grafana_alone(config: StackConfig) -> Iterator[Problem]:
    """The secret of Grafana's client is in no Secret that has another purpose."""
    section = own_sign_in(config)
    if section is None:
        return
    name = section.client_secret.secret
    others = {f"secrets.{field}": named for field, named in config.secrets.names.items()}
    others["observability.standalone.login"] = own_login(config) or ""
    for path, other in others.items():
        if other == name and path not in ("secrets.internalTls", "secrets.valkeyUsers"):
            yield at(
                f"{_SIGN_IN}.clientSecret.secret",
                f"is {name}, which is also {path}",
                "pods would be given keys that are not for them, and its keys would clash",
                "name another Secret",
            )


OWN_GRAFANA_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("observability", "images", "environment"), grafana_image_is_named),
    (("observability", "network", "protocol"), people_can_sign_in),
    (("observability", "secrets"), the_client_secret_is_of_grafana_alone),
]
"""Each rule with what it reads."""
