"""A requirements.txt decides alone what is packaged: other lines are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from archives.hosts import HOSTS, Host
from archives.own_requirements import Requirements, locked, missing, read, target_environment

X86 = target_environment("3.13.0", "x86_64-manylinux_2_34")
ARM = target_environment("3.13.0", "aarch64-manylinux_2_34")
OURS = {"mcp": "2.3.0", "pyjwt": "2.15.1"}
HASH = f"--hash=sha256:{'0' * 64}"


def given(folder: Path, text: str, environment: dict[str, str] | None = None) -> Requirements:
    file = folder / "requirements.txt"
    file.write_text(text)
    return read(file, ours=OURS, environment=environment or X86, constraints="ours.txt")


def test_lines_are_packaged_except_those_of_the_server(tmp_path: Path):
    found = given(
        tmp_path,
        "# a comment\nmcp>=2.3,<3\nPyJWT[crypto]==2.15.1 ; sys_platform == 'linux'\n\n"
        f"Astral==3.2 \\\n    {HASH} \\\n    --hash=sha256:{'1' * 64}\n    # via here\n"
        "pywin32==312 ; sys_platform == 'win32'\n"
        f"lxml==6.0 ; platform_machine == 'x86_64' {HASH}\n",
    )
    assert found.problems == []
    assert [line.text for line in found.lines.values()] == [
        f"Astral==3.2 {HASH} --hash=sha256:{'1' * 64}",
        f"lxml==6.0 {HASH}",
    ]
    assert found.hashed


def test_markers_are_those_of_the_clouds_machine(tmp_path: Path):
    text = "a==1 ; platform_machine == 'aarch64'\nb==1 ; python_version < '3.13'\n"
    assert set(given(tmp_path, text, ARM).lines) == {"a"}
    assert set(given(tmp_path, text, X86).lines) == set()


def test_a_folder_without_the_file_requires_nothing(tmp_path: Path):
    found = read(tmp_path / "none", ours=OURS, environment=X86, constraints="")
    assert (found.lines, found.problems, found.hashed) == ({}, [], False)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("git+https://git.example.com/a/b", "a version control system"),
        ("b @ git+https://user:secret@git.example.com/a/b", "a version control system"),
        ("https://example.com/b-1-py3-none-any.whl", "is a URL, a path"),
        ("b @ https://example.com/b.zip", "is a URL, a path"),
        ("./b", "is a URL, a path"),
        ("../b", "is a URL, a path"),
        ("/b", "is a URL, a path"),
        ("b-1-py3-none-any.whl", "is a URL, a path"),
        ("file:///b", "is a URL, a path"),
        ("-e .", "has an option of pip"),
        ("-r other.txt", "has an option of pip"),
        ("--index-url https://user:secret@example.com", "has an option of pip"),
        ("--extra-index-url=https://example.com", "has an option of pip"),
        ("--no-binary :all:", "has an option of pip"),
        ("b==1 --config-settings=a=b", "has an option of pip"),
        ("b==1 --hash=md5:0123", "has an option of pip"),
        ("b==", "is no requirement"),
        ("not a requirement", "is no requirement"),
        ("b", "is not one version"),
        ("b>=1", "is not one version"),
        ("b==1.*", "is not one version"),
        ("b==1,!=2", "is not one version"),
        ("b~=1.0", "is not one version"),
        ("mcp<2", "is not 2.3.0, the version of the server"),
        ("mcp==2.2.0", "is not 2.3.0, the version of the server"),
        ("PyJWT==2.0", "is not 2.15.1, the version of the server"),
        ("b==1\nB==1", "is there twice"),
        ("b==1\n\nc==2 " + HASH, "line 1: b has no hash; others have one"),
    ],
)
def test_a_line_that_cannot_be_packaged_is_refused(tmp_path: Path, line: str, said: str):
    found = given(tmp_path, f"{line}\n")
    (problem,) = found.problems
    assert problem.what.startswith("requirements.txt line ")
    assert said in problem.what
    assert "secret" not in str(problem)
    assert problem.fix


def test_the_fix_of_a_conflict_compiles_against_the_servers_list(tmp_path: Path):
    (problem,) = given(tmp_path, "mcp<2\n").problems
    assert "-c ours.txt" in problem.fix


@pytest.mark.parametrize("host", HOSTS.values(), ids=list(HOSTS))
def test_every_locked_list_is_read(host: Host):
    found = host.libraries_of_ours()
    assert found["mcp"].startswith("2.")
    assert "pywin32" not in found


def test_what_googles_build_installs_counts_as_the_servers():
    assert "flask" in HOSTS["gcp-function"].libraries_of_ours()
    assert "flask" not in HOSTS["aws-lambda"].libraries_of_ours()


def test_the_locked_list_is_read_with_markers(tmp_path: Path):
    file = tmp_path / "locked.txt"
    file.write_text(f"a==1 ; sys_platform == 'win32' \\\n    {HASH}\nB_c==2 \\\n    {HASH}\n")
    assert locked(file, X86) == {"b-c": "2"}


def installed(folder: Path, name: str, version: str, *needs: str) -> None:
    place = folder / f"{name}-{version}.dist-info"
    place.mkdir(parents=True)
    lines = "".join(f"Requires-Dist: {need}\n" for need in needs)
    (place / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}"
    )


def test_a_library_that_another_needs_must_be_listed(tmp_path: Path):
    libraries = tmp_path / "libraries"
    installed(
        libraries,
        *("a", "1"),
        *("b>=2", "mcp>=2", "mcp<2", "gone==1"),
        *("win ; sys_platform == 'win32'", "extra-only ; extra == 'x'", "c[fast]"),
    )
    installed(libraries, "b", "1")
    installed(libraries, "c", "1", "quick ; extra == 'fast'", "slow ; extra == 'slow'")
    found = missing(libraries, given(tmp_path, "a==1\n"), ours=OURS, environment=X86)
    assert [problem.what for problem in found] == [
        "a needs b>=2, which has 1",
        "a needs gone==1, which is not listed",
        "a needs mcp<2, which has 2.3.0",
        "c needs quick, which is not listed",
    ]
    found = missing(libraries, given(tmp_path, "a[x]==1\n"), ours=OURS, environment=X86)
    assert "a needs extra-only, which is not listed" in [problem.what for problem in found]
