"""An image with a released crate is built once by cargo, and refused without cargo."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

from tests.harness.restricted_path import NODE, environment, programs_on_path, ran

CRATE = ("--scratch", "--cargo", "tool@1.2.3")


def image(tmp: Path, path: Path, name: str) -> subprocess.CompletedProcess[str]:
    return ran(NODE / "image", name, *CRATE, env=environment(tmp, PATH=str(path)))


def stand_in_for_cargo(folder: Path) -> None:
    """A `cargo install CRATE --locked … --root FOLDER …` that builds a line of shell."""
    cargo = folder / "cargo"
    cargo.unlink(missing_ok=True)
    cargo.write_text("""#!/bin/sh
set -eu
[ "$1 $2 $3" = "install tool@1.2.3 --locked" ]
while [ "$1" != --root ]; do shift; done
mkdir -p "$2/bin" && echo 'echo built' > "$2/bin/tool" && chmod 755 "$2/bin/tool"
""")
    cargo.chmod(0o755)


def test_without_cargo_the_refusal_says_how_to_install_it(tmp_path: Path) -> None:
    refused = image(tmp_path, programs_on_path(tmp_path / "bin", without={"cargo"}), "x/tool:1")
    assert refused.returncode == 1
    assert "no cargo on PATH, which builds tool@1.2.3" in refused.stderr
    assert "https://rustup.rs" in refused.stderr


def test_a_crate_is_built_once_and_its_programs_are_on_the_images_path(tmp_path: Path) -> None:
    path = programs_on_path(tmp_path / "bin")
    stand_in_for_cargo(path)
    assert image(tmp_path, path, "x/tool:1").returncode == 0
    (path / "cargo").unlink()
    assert image(tmp_path, path, "x/tool:2").returncode == 0
    (manifest,) = (tmp_path / "cache").rglob("manifests/docker.io/x/tool/2")
    (layer,) = json.loads(manifest.read_text())["layers"]
    (blob,) = (tmp_path / "cache").rglob(layer["digest"].removeprefix("sha256:"))
    with tarfile.open(blob) as content:
        program = content.extractfile("usr/local/bin/tool")
        assert program is not None
        assert program.read() == b"echo built\n"
