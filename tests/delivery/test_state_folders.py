"""A stack's lock admits one command at a time, and state is outside the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from delivery.state_folders import known_stacks, locked_stack, state_folder, write_atomically

HOLD = """
import sys, time
from delivery.state_folders import locked_stack
with locked_stack("dev", "up", print):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("QUDAG_MCP_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_second_command_on_a_stack_is_refused_and_names_the_first() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(ProblemReport) as report, locked_stack("dev", "down", print):
            pass
        assert f"`up` (process {first.pid})" in report.value.problems[0].what
        first.kill()


def test_a_command_that_was_killed_holds_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        first.kill()
        first.wait()
    with locked_stack("dev", "up", print) as folder:
        assert folder.is_dir()


def test_two_stacks_do_not_wait_for_each_other() -> None:
    with locked_stack("dev", "up", print), locked_stack("staging", "up", print):
        assert known_stacks() == ["dev", "staging"]


def test_state_is_for_its_owner_only(own_state: Path) -> None:
    folder = state_folder("dev")
    assert folder == own_state / "dev"
    assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_a_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("QUDAG_MCP_STATE", str(tmp_path / "file"))
    with pytest.raises(ProblemReport) as report:
        state_folder("dev")
    assert "XDG_STATE_HOME" in report.value.problems[0].fix


def test_a_full_disk_is_a_message_and_the_old_file_stays(own_state: Path) -> None:
    own_state.mkdir()
    write_atomically(own_state / "outputs.json", "before")
    (own_state / "outputs.json.new").symlink_to("/dev/full")
    with pytest.raises(ProblemReport) as report:
        write_atomically(own_state / "outputs.json", "after" * 10_000)
    assert "No space left on device" in report.value.problems[0].what
    assert (own_state / "outputs.json").read_text() == "before"


def test_state_files_are_readable_by_their_owner_only(own_state: Path) -> None:
    own_state.mkdir()
    write_atomically(own_state / "passphrase", "secret")
    assert (own_state / "passphrase").stat().st_mode & 0o077 == 0


def test_a_disk_that_is_full_from_the_start_is_a_message(own_state: Path) -> None:
    state_folder("dev")
    (own_state / "dev" / "lock").symlink_to("/dev/full")
    with pytest.raises(ProblemReport) as report, locked_stack("dev", "up", print):
        pass
    assert "cannot be written" in report.value.problems[0].what


def linked(folder: Path) -> None:
    folder.symlink_to(folder.parent)


def writable(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def of_another_user(folder: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a folder to another user")
    folder.mkdir()
    os.chown(folder, 65534, 65534)


@pytest.mark.parametrize("made_by_another", [linked, writable, of_another_user])
def test_a_folder_that_another_user_can_change_is_refused(
    own_state: Path, made_by_another: Callable[[Path], None]
) -> None:
    own_state.mkdir()
    made_by_another(own_state / "dev")
    with pytest.raises(ProblemReport, match="another user of this machine"):
        state_folder("dev")
    assert list((own_state / "dev").glob("*")) in ([], [own_state / "dev/dev"])


def test_a_new_state_folder_is_private_to_its_owner(own_state: Path) -> None:
    assert state_folder("dev") == own_state / "dev"
    assert (own_state / "dev").stat().st_mode & 0o777 == 0o700
