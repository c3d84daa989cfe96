"""Names for clouds: always allowed, always unique, and never another one the next time."""

from __future__ import annotations

import re
from string import ascii_lowercase, digits

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.base.naming import NameRule, fitted, unique
from components.base.problems import ProblemReport
from components.clouds import CLOUDS

SUFFIX = unique("qudag-mcp", "prod", "123456789012", "eu-central-1")
LONG = "a-name-that-somebody-thought-would-be-fine-and-that-has-seventy-letters"
letters = st.text(ascii_lowercase, min_size=3, max_size=3)
further = st.text(f"{ascii_lowercase}{digits}_. -", max_size=80)
words = st.lists(st.builds(str.__add__, letters, further), min_size=1, max_size=4)
NAME_RULES = {token: rule for cloud in CLOUDS for token, rule in cloud.facts.NAME_RULES.items()}
each_rule = pytest.mark.parametrize("rule", NAME_RULES.values(), ids=NAME_RULES)


@each_rule
@settings(max_examples=15)
@given(words=words)
def test_a_name_is_one_that_its_cloud_allows_with_its_whole_suffix(
    rule: NameRule, words: list[str]
):
    name = fitted(rule, *words, suffix=SUFFIX)
    assert rule.shortest <= len(name) <= rule.longest
    assert re.fullmatch(rule.form, name)
    assert rule.problem("it", name) is None
    assert name.endswith(SUFFIX), "the suffix is cut"


@each_rule
def test_a_name_that_is_too_long_is_refused_with_one_that_is_not(rule: NameRule):
    written = re.sub("-", rule.separator, LONG) * (rule.longest // len(LONG) + 2)
    problem = rule.problem("it", written)
    assert problem is not None
    assert f"{rule.longest} are allowed" in problem.what
    instead = problem.fix.removeprefix("write ").strip("'")
    assert rule.problem("it", instead) is None


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("aws:s3/bucket:Bucket", "Archive"),
        ("aws:s3/bucket:Bucket", "ab"),
        ("aws:lb/loadBalancer:LoadBalancer", "-entry"),
        ("aws:lb/loadBalancer:LoadBalancer", "internal-entry"),
        ("aws:lb/targetGroup:TargetGroup", "mcp_targets"),
        ("aws:rds/instance:Instance", "data--base"),
        ("aws:rds/instance:Instance", "1database"),
        ("aws:elasticache/user:User", "Server"),
        ("aws:ec2/securityGroup:SecurityGroup", "sg-entry"),
        ("aws:dynamodb/table:Table", "to"),
        ("gcp:cloudrunv2/service:Service", "mcp-"),
        ("azure-native:storage:StorageAccount", "qudag-mcp"),
    ],
)
def test_names_that_a_cloud_does_not_accept_are_refused(token: str, name: str):
    assert NAME_RULES[token].problem("it", name) is not None


@pytest.mark.parametrize(
    ("token", "name", "made"),
    [
        ("aws:lb/loadBalancer:LoadBalancer", "internal-entry", f"mcp-internal-entry-{SUFFIX}"),
        ("aws:ec2/securityGroup:SecurityGroup", "sg-entry", f"mcp-sg-entry-{SUFFIX}"),
    ],
)
def test_fitted_names_do_not_begin_with_a_reserved_prefix(token: str, name: str, made: str):
    assert fitted(NAME_RULES[token], name, suffix=SUFFIX) == made


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_suffix_is_the_same_at_each_run(parts: list[str]):
    assert unique(*parts) == unique(*parts)
    assert re.fullmatch("[0-9a-f]{8}", unique(*parts))


def test_two_stacks_accounts_or_regions_have_two_suffixes():
    places = [
        ("qudag-mcp", stack, account, region)
        for stack in ("dev", "staging", "prod")
        for account in ("123456789012", "210987654321")
        for region in ("eu-central-1", "us-west-2")
    ]
    assert len({unique(*place) for place in places}) == len(places)


def test_a_name_without_letters_is_refused():
    with pytest.raises(ProblemReport) as report:
        fitted(NAME_RULES["aws:s3/bucket:Bucket"], "---", suffix=SUFFIX)
    assert "three letters" in str(report.value)
