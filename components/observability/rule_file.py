"""Rules and routes of alerts as arguments of components: texts in YAML or JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, cast

from ..base.problems import Problem

_LOST = "Prometheus, or its operator, would refuse all of the rules"


def groups_of(text: str) -> list[Mapping[str, Any]]:
    """The groups of a rule file, in YAML or JSON, that has no problems."""
    return cast("list[Mapping[str, Any]]", _read(text)["groups"])


def rule_file_problems(path: str, text: str) -> Iterator[Problem]:
    """What keeps a text from being a rule file; its expressions are not looked at."""
    read = _read(text)
    groups: Any = cast("Mapping[str, Any]", read).get("groups") if isinstance(read, Mapping) else 0
    if not isinstance(groups, list) or not groups:
        yield Problem(
            path,
            "has no list of groups",
            _LOST,
            "write groups: and under it the groups, as in a rule file of Prometheus",
        )
        return
    names: list[Any] = []
    for index, group in enumerate(cast("list[Any]", groups)):
        at = f"{path}.groups[{index}]"
        stated = cast("Mapping[str, Any]", group if isinstance(group, Mapping) else {})
        if not isinstance(stated.get("name"), str) or not isinstance(stated.get("rules"), list):
            yield Problem(at, "has no name, or no list of rules", _LOST, "write name: and rules:")
            continue
        names.append(stated["name"])
        for number, rule in enumerate(stated["rules"]):
            if not isinstance(rule, Mapping) or ("alert" in rule) == ("record" in rule):
                yield Problem(
                    f"{at}.rules[{number}]",
                    "is neither an alert nor a recording rule",
                    _LOST,
                    "write either alert: or record:, and expr:",
                )
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield Problem(path, f"has two groups {name}", _LOST, "give each group a name of its own")


def spec_of(text: str) -> Mapping[str, Any]:
    """The spec of an AlertmanagerConfig that has no problems."""
    return cast("Mapping[str, Any]", _read(text))


def routes_problems(
    path: str, text: str, form: str = "as under spec of an AlertmanagerConfig"
) -> Iterator[Problem]:
    """What keeps a text from having routes to receivers, in ``form``."""
    read = _read(text)
    stated = cast("Mapping[str, Any]", read if isinstance(read, Mapping) else {})
    receivers: Any = stated.get("receivers")
    if not isinstance(stated.get("route"), Mapping) or not isinstance(receivers, list):
        yield Problem(
            path,
            "has no route, or no list of receivers",
            "nobody would be notified of an alert",
            f"write route: and receivers:, {form}",
        )
        return
    known = cast("list[Mapping[str, Any]]", [r for r in receivers if isinstance(r, Mapping)])  # pyright: ignore[reportUnknownVariableType]
    names = {one.get("name") for one in known}
    route = cast("Mapping[str, Any]", stated["route"])
    for one in (route, *route.get("routes", [])):
        if one.get("receiver") not in names:
            yield Problem(
                path,
                f"has a route to {one.get('receiver')}, which is no receiver",
                "all of the routes are refused",
                "add a receiver of that name",
            )


_INLINE: Final[Mapping[str, Collection[str]]] = {
    "slack_configs": ("api_url", "app_token"),
    "webhook_configs": ("url",),
    "pagerduty_configs": ("routing_key", "service_key"),
    "email_configs": ("auth_password", "auth_secret"),
}
_GLOBAL: Final = ("slack_api_url", "slack_app_token", "smtp_auth_password", "smtp_auth_secret")


def alertmanager_file_problems(path: str, text: str) -> Iterator[Problem]:
    """What keeps a text from being Alertmanager's file, and secrets that are written in it."""
    read = _read(text)
    stated = cast("Mapping[str, Any]", read if isinstance(read, Mapping) else {})
    problems = list(routes_problems(path, text, "as in the configuration file of Alertmanager"))
    yield from problems
    if problems:
        return
    written = [name for name in _GLOBAL if name in (stated.get("global") or {})]
    for receiver in cast("list[Mapping[str, Any]]", stated["receivers"]):
        for kind, names in _INLINE.items():
            for one in cast("list[Mapping[str, Any]]", receiver.get(kind) or []):
                written += [f"{kind}: {name}" for name in names if name in one]
    for name in dict.fromkeys(written):
        yield Problem(
            path,
            f"has a value of {name}",
            "everyone who may read the ConfigMap could read it",
            f"put it into a Secret, list that in secrets, and name its file with {name}_file",
        )


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        import yaml

        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            return None
