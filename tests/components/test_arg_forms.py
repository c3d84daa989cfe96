"""Every text in the args of a component has a form, and no form accepts digits of other scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass, replace
from typing import Annotated, Any, Final, cast, get_args, get_origin

import pytest

from components.aws import forms as aws
from components.azure import forms as azure
from components.base import arg_forms, forms, sign_in_forms
from components.base.constraints import Form
from components.base.hints import hints
from components.base.problems import ProblemReport
from components.gcp import forms as gcp
from components.gcp.access import GcpAccess
from components.mcp.access import Access, NetworkAccess
from stacks.config.error_messages import _FORMS  # pyright: ignore[reportPrivateUsage]
from stacks.config.stack import StackConfig
from tests.harness.clouds import cloud_config
from tests.harness.component_cases import CASES, made

WITHOUT_A_FORM: Final[Mapping[str, str]] = {
    "Archive.path": "a path of the machine that deploys: any name of a file",
    "Archive.built": "the same path",
}
"""Fields of text, each with the reason why its values have no form of their own."""

MODULES: Final = {"base": forms, "args": arg_forms, "aws": aws, "gcp": gcp, "azure": azure}
FORMS: Final[dict[str, Form]] = {
    f"{module}.{name}": form
    for module, defined in MODULES.items()
    for name, form in vars(defined).items()
    if isinstance(form, Form)
}


ARGS: Final = (arg_forms, sign_in_forms)
WITH_THE_SAME_WORDS: Final = {
    arg_forms.PATH.pattern: "that of a file in a server differs in its examples and its check",
    forms.IMAGE.pattern: "that of PostgreSQL differs in its examples and its check",
}
"""Patterns of two forms, either of which may be named."""


def test_no_two_forms_of_args_have_one_pattern():
    """Refusals find the form of a text by its pattern: they would have the words of another."""
    found: dict[str, set[str]] = {}
    for module in ARGS:
        for name, form in vars(module).items():
            if isinstance(form, Form):
                found.setdefault(form.pattern, set()).add(f"{form.name} ({name})")
    assert len(found) > 30
    assert [names for names in found.values() if len(names) > 1] == []


def patterned(schema: Any) -> Iterator[dict[str, Any]]:
    """Every part of a JSON Schema that has a pattern."""
    if isinstance(schema, dict):
        part = cast("dict[str, Any]", schema)
        if isinstance(part.get("pattern"), str):
            yield part
        for inner in part.values():
            yield from patterned(inner)
    elif isinstance(schema, list):
        for inner in cast("list[Any]", schema):
            yield from patterned(inner)


def test_a_refusal_of_a_text_in_the_stack_file_names_the_form_of_its_field():
    """A field's examples are those of its form: those of another form show that it was found."""
    with_examples = [one for one in patterned(StackConfig.model_json_schema()) if "examples" in one]
    named = [(one, _FORMS[one["pattern"]]) for one in with_examples if one["pattern"] in _FORMS]
    assert len(named) > 150
    others = [one for one, form in named if one["examples"] != [*form.examples]]
    assert [one for one in others if one["pattern"] not in WITH_THE_SAME_WORDS] == []


def parts(hint: Any) -> Iterator[Any]:
    """A type hint and those inside it; nothing inside a type with a form."""
    yield hint
    if get_origin(hint) is not Annotated:
        for inner in get_args(hint):
            yield from parts(inner)


def plain_texts() -> set[str]:
    """Fields that hold text without a form, as class and name."""
    found: set[str] = set()
    seen: set[type[Any]] = set()
    waiting: list[Any] = [component.args_type for component, _ in CASES.values()]
    while waiting:
        cls = waiting.pop()
        if cls in seen:
            continue
        seen.add(cls)
        for name, hint in hints(cls).items():
            inside = [*parts(hint)]
            if "ClassVar" not in str(hint) and str in inside:
                found.add(f"{cls.__name__}.{name}")
            waiting += [each for each in inside if isinstance(each, type) and is_dataclass(each)]
    return found


def test_every_text_has_a_form_or_is_listed_with_the_reason():
    assert plain_texts() == set(WITHOUT_A_FORM)


@pytest.mark.parametrize("name", FORMS)
def test_an_example_with_digits_of_another_script_is_refused(name: str):
    form = FORMS[name]
    exact = not re.search(r"\[\^", form.pattern)  # a form of any text but a few characters
    for example in form.examples:
        assert form.problem("path", example) is None
        other = re.sub("[0-9]", "\N{ARABIC-INDIC DIGIT ONE}", example)
        if exact and other != example:
            assert form.problem("path", other), other


@pytest.mark.parametrize("name", [name for name in FORMS if name.partition(".")[0] != "args"])
def test_a_pattern_names_the_digits_that_it_accepts(name: str):
    assert not re.search(r"\\[dwDW]", FORMS[name].pattern)


def test_wrong_texts_and_fields_that_contradict_each_other_are_refused_at_once():
    component, args = CASES["EcsFargate"]
    wrong = replace(
        args,
        certificate="none",
        location=replace(args.location, account="1"),
        access=replace(args.access, public=True),
        memory_mb=1,
        log_retention_days=31,
    )
    with pytest.raises(ProblemReport) as report:
        made(component, wrong)
    assert {problem.path for problem in report.value.problems} == {
        *("node.certificate", "node.location.account", "node.access.allowed_networks"),
        *("node.memory_mb", "node.log_retention_days"),
    }


@pytest.mark.parametrize(
    ("case", "change", "path"),
    [
        ("RdsDataTier", {"cache_replicas": 0}, "cache_replicas"),
        ("CloudSqlDataTier", {"point_in_time_days": 8}, "point_in_time_days"),
        ("AzurePostgresqlDataTier", {"backup_days": 6}, "backup_days"),
        ("AwsLambda", {"memory_mb": 1}, "memory_mb"),
        ("GcpFunction", {"access": GcpAccess()}, "access.allowed_principals"),
        ("CloudRun", {"cpu": 3}, "cpu"),
        ("AzureFunction", {"access": NetworkAccess()}, "access.allowed_networks"),
        ("AzureContainerApp", {"access": Access()}, "subnet"),
        ("AzureContainerGroup", {"config": cloud_config()}, "config.domain"),
    ],
)
def test_what_the_fields_cannot_be_together_has_the_components_name_in_its_path(
    case: str, change: dict[str, Any], path: str
):
    component, args = CASES[case]
    with pytest.raises(ProblemReport) as report:
        made(component, replace(args, **change))
    assert [problem.path for problem in report.value.problems] == [f"node.{path}"]


def test_a_secret_of_another_vault_is_refused_with_the_path_of_its_variable():
    component, args = CASES["AzureFunction"]
    other = replace(args.secrets, vault=f"{args.secrets.vault}-2")
    with pytest.raises(ProblemReport) as report:
        made(component, replace(args, secrets=other))
    assert {problem.path for problem in report.value.problems} == {
        f"node.secrets.versions.{variable}" for variable in args.secrets.versions
    }
