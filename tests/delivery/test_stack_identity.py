"""Stacks with the same name in different projects have separate state and ApplySets."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from delivery import applyset
from delivery.stack_identity import ROOT, StackIdentity


def program(folder: Path, project: str) -> Path:
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(f"name: {project}\nruntime: python\n")
    (folder / "__main__.py").write_text("")
    return folder


def test_a_stack_of_this_repository_is_known_by_its_name() -> None:
    assert StackIdentity.of(ROOT, "dev").key == "dev"


def test_the_same_name_in_another_project_is_another_stack(tmp_path: Path) -> None:
    theirs = StackIdentity.of(program(tmp_path / "their", "Wetter_Dienst"), "dev")
    assert theirs.key == "wetter-dienst.dev"
    assert applyset.set_id(theirs.key) != applyset.set_id(StackIdentity.of(ROOT, "dev").key)


def test_a_command_names_the_folder_where_it_is_not_this_repository(tmp_path: Path) -> None:
    folder = program(tmp_path / "their", "weather")
    theirs = StackIdentity.of(folder, "dev")
    assert theirs.command("up") == f"qudag-mcp up -C {folder} --stack dev"
    assert StackIdentity.of(ROOT, "dev").command("up") == "make up STACK=dev"


def test_a_folder_without_a_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemReport, match="there is no Pulumi program"):
        StackIdentity.of(tmp_path, "dev")
