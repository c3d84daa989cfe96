"""Args whose values a deployment makes known: taken and checked then, or refused in words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any, Final, cast, get_args

import pulumi
import pytest

from components.base import forms
from components.base.hints import hints
from components.base.problems import ProblemReport
from graph.resource_graph import ResourceGraph
from tests.harness import record
from tests.harness.component_cases import CASES, recorded, written

URLS: Final = {"LogCollector": "sink", "TraceCollector": "sink", "LogForwarder": "store"}
"""Components that send to a URL, and the arg that has it."""


def with_url(case: str, url: Any) -> Any:
    _, args = CASES[case]
    field = URLS[case]
    return replace(args, **{field: replace(getattr(args, field), url=url)})


def objects(graph: ResourceGraph) -> list[Any]:
    return [(one.urn, one.inputs, one.secret_inputs) for one in graph.resources]


@pytest.mark.parametrize("case", URLS)
def test_a_url_that_is_known_later_makes_the_same_objects(case: str):
    component, args = CASES[case]
    url = getattr(args, URLS[case]).url
    later = record(lambda: component("node", with_url(case, pulumi.Output.from_input(url))))
    assert objects(later) == objects(recorded(component, args))


@pytest.mark.parametrize("case", URLS)
def test_a_mapping_may_have_such_a_url_as_well(case: str):
    component, args = CASES[case]
    given = written(args)

    def program() -> None:
        url = pulumi.Output.from_input(given[URLS[case]]["url"])
        component("node", {**given, URLS[case]: {**given[URLS[case]], "url": url}})

    assert objects(record(program)) == objects(recorded(component, args))


@pytest.mark.parametrize("case", URLS)
def test_a_url_that_a_preview_does_not_know_leaves_the_configuration_unknown(case: str):
    component, args = CASES[case]

    def program() -> None:
        def future(value: Any) -> asyncio.Future[Any]:
            found: asyncio.Future[Any] = asyncio.Future()
            found.set_result(value)
            return found

        unknown = pulumi.Output[Any](set(), future(None), future(False))
        component("node", with_url(case, unknown))

    assert {one.urn for one in record(program).resources} == {
        one.urn for one in recorded(component, args).resources
    }


@pytest.mark.parametrize("case", URLS)
@pytest.mark.parametrize(
    "url", ["http://logs.example.com", "https://user:pw@logs.example.com", 'a"}', "", None]
)
def test_a_wrong_url_that_is_known_later_is_refused_then(case: str, url: Any):
    component, _ = CASES[case]
    with pytest.raises(ProblemReport) as refused:
        record(lambda: component("node", with_url(case, pulumi.Output.from_input(url))))
    (problem,) = refused.value.problems
    assert problem.path == f"{URLS[case]}.url"
    assert isinstance(refused.value, pulumi.RunError)  # Pulumi's host prints no traceback of it
    assert "pw" not in str(problem)


@pytest.mark.parametrize(
    ("case", "kind", "path"),
    [
        ("TraceCollector", None, "/v1/traces"),
        ("LogCollector", "otlp", "/v1/logs"),
        ("LogCollector", "loki", "/loki/api/v1/push"),
    ],
)
def test_a_path_that_would_be_there_twice_is_refused_at_once_and_later(
    case: str, kind: str | None, path: str
):
    component, _ = CASES[case]
    url = f"https://logs.example.com{path}"

    def program(given: Callable[[str], Any]) -> None:
        args = with_url(case, given(url))
        sink = replace(args.sink, kind=kind) if kind else args.sink
        component("node", replace(args, sink=sink))

    for given in (str, pulumi.Output.from_input):
        with pytest.raises(ProblemReport) as refused:
            record(partial(program, given))
        (problem,) = refused.value.problems
        assert problem.path.endswith("sink.url")
        assert problem.what == f"ends with {path}"


def secret_names(value: Any, path: str = "") -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Each arg that is the name of a Secret: its path, and the args with another value there."""
    if is_dataclass(value) and not isinstance(value, type):
        stated = hints(type(value))
        for field in fields(value):
            here, found = f"{path}.{field.name}", getattr(value, field.name)
            if _names_a_secret(stated[field.name]) and found is not None:
                yield here, lambda new, name=field.name: replace(value, **{name: new})
            for inner, put in secret_names(found, here):
                yield (
                    inner,
                    lambda new, put=put, name=field.name: replace(value, **{name: put(new)}),
                )
    elif isinstance(value, list | tuple):
        entries = cast("Sequence[Any]", value)
        for index, one in enumerate(entries):
            for inner, put in secret_names(one, f"{path}[{index}]"):
                yield (
                    inner,
                    lambda new, put=put, at=index: [*entries[:at], put(new), *entries[at + 1 :]],
                )
    elif isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value)
        for key, one in pairs.items():
            for inner, put in secret_names(one, f"{path}.{key}"):
                yield inner, lambda new, put=put, key=key: {**pairs, key: put(new)}


def _names_a_secret(hint: Any) -> bool:
    return forms.SECRET_NAME in getattr(hint, "__metadata__", ()) or any(
        _names_a_secret(one) for one in get_args(hint)
    )


NAMES: Final = {
    f"{case}{path}": (case, path, put)
    for case, (_, args) in CASES.items()
    for path, put in secret_names(args)
}


def test_the_names_of_secrets_of_many_components_are_tried():
    assert {"LogForwarder.tls_secret", "LogForwarder.store.ca.secret"} <= NAMES.keys()
    assert len(NAMES) > 50


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_secret_must_be_known_at_once(name: str):
    """Names of volumes and checks of the pods follow from it."""
    case, path, put = NAMES[name]
    with pytest.raises(ProblemReport) as refused:
        record(lambda: CASES[case][0]("node", put(pulumi.Output.from_input("a-secret"))))
    (problem,) = refused.value.problems
    assert problem.path == f"node{path}"
    assert problem.what == "is an Output, whose value a preview does not know"
    assert "pulumi.Config" in problem.fix
