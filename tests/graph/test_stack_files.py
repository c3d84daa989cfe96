"""Stack files are read as the engine reads them, and refused in words."""

import json
from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from graph.stack_files import StackFiles, read_stack_files, stack_names


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "__main__.py").write_text("")
    (tmp_path / "Pulumi.yaml").write_text("name: platform\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("")
    return tmp_path


def read(root: Path, text: str) -> StackFiles:
    (root / "Pulumi.dev.yaml").write_text(text)
    return read_stack_files(root, "dev")


def test_objects_and_scalars_are_handed_over_as_strings(root: Path):
    files = read(
        root, "config:\n  platform:scaling: {max: 3}\n  platform:on: true\n  platform:n: 7\n"
    )
    assert files.config == {
        "platform:scaling": '{"max": 3}',
        "platform:on": "true",
        "platform:n": "7",
    }


def test_a_key_without_a_namespace_belongs_to_the_project(root: Path):
    assert read(root, "config:\n  domain: example.com\n").config == {
        "platform:domain": "example.com"
    }


def test_the_projects_defaults_stand_behind_the_stacks_values(root: Path):
    (root / "Pulumi.yaml").write_text(
        "name: platform\nconfig:\n  a: {default: 1}\n  b: {default: 2}\n  aws:region: {value: eu}\n"
        "  c: {type: string}\n"
    )
    assert read(root, "config:\n  b: 3\n").config == {
        "platform:a": "1",
        "platform:b": "3",
        "aws:region": "eu",
    }


def test_encrypted_values_are_secret_and_never_read(root: Path):
    files = read(root, "config:\n  token: {secure: v1:abc}\n  nested: {inner: {secure: v1:def}}\n")
    assert files.config["platform:token"] == "[secret]"
    assert files.secret_keys == ("platform:nested", "platform:token")


def test_stacks_are_listed_by_their_files(root: Path):
    (root / "Pulumi.prod.yaml").write_text("")
    assert stack_names(root) == ["dev", "prod"]


def refused(root: Path, stack: str = "dev") -> str:
    with pytest.raises(ProblemReport) as report:
        read_stack_files(root, stack)
    return str(report.value)


def test_an_unknown_stack_names_the_nearest_and_lists_all(root: Path):
    (root / "Pulumi.staging.yaml").write_text("")
    report = refused(root, "stagin")
    assert "did you mean staging?" in report
    assert "there are dev, staging" in report


def test_a_folder_without_a_program_is_refused(tmp_path: Path):
    assert "there is no Pulumi program" in refused(tmp_path)


def test_broken_yaml_is_refused_with_its_place(root: Path):
    (root / "Pulumi.dev.yaml").write_text("config:\n  a: [1\n  b: 2\n")
    assert "Pulumi.dev.yaml:3:" in refused(root)


def test_files_survive_the_way_to_another_process(root: Path):
    files = read(root, "config:\n  a: {b: [1, true]}\n  t: {secure: x}\n")
    assert StackFiles.from_json(files.to_json()) == files
    assert json.loads(files.config["platform:a"]) == {"b": [1, True]}


@pytest.mark.parametrize("text", ["- a\n", "text\n", "config: [1]\n", "config: text\n"])
def test_what_is_no_mapping_is_refused_instead_of_being_passed_over(root: Path, text: str):
    with pytest.raises(ProblemReport, match="not a mapping"):
        read(root, text)
    (root / "Pulumi.dev.yaml").write_text("")
    (root / "Pulumi.yaml").write_text("- a\n")
    with pytest.raises(ProblemReport, match=r"Pulumi\.yaml: is a list, not a mapping"):
        read_stack_files(root, "dev")
