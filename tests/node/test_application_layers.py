"""Images with npm packages or a Python environment are made as their lock files say."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.harness.restricted_path import NODE, environment, programs_on_path, ran

NPM = """#!/bin/sh
set -eu
[ "$1 $2" = "ci --prefix" ]
case "$*" in *--ignore-scripts*) ;; *) exit 1 ;; esac
mkdir -p "$3/node_modules/.bin"
cp "$3/package-lock.json" "$3/node_modules/.bin/tool"
"""


def image(tmp: Path, name: str, *how: str, **changes: str) -> subprocess.CompletedProcess[str]:
    env = environment(tmp, **changes)
    return ran(NODE / "image", name, "--scratch", *how, env=env, within_seconds=120)


def layer(tmp: Path, name: str) -> tarfile.TarFile:
    """The only layer of an image."""
    (manifest,) = (tmp / "cache").rglob(f"manifests/docker.io/{name.replace(':', '/')}")
    (described,) = json.loads(manifest.read_text())["layers"]
    (blob,) = (tmp / "cache").rglob(described["digest"].removeprefix("sha256:"))
    return tarfile.open(blob)


def text(content: tarfile.TarFile, name: str) -> str:
    file = content.extractfile(name)
    assert file is not None
    return file.read().decode()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    (folder / "package-lock.json").write_text('{"lockfileVersion": 3}')
    return folder


def test_npm_packages_are_installed_once_for_each_lock_file(tmp_path: Path, package: Path) -> None:
    path = programs_on_path(tmp_path / "bin", without={"npm"})
    npm = path / "npm"
    npm.write_text(NPM)
    npm.chmod(0o755)
    how = f"--npm={package}:/opt/server"
    assert image(tmp_path, "x/tool:1", how, PATH=str(path)).returncode == 0
    npm.write_text("#!/bin/sh\nexit 1\n")
    assert image(tmp_path, "x/tool:2", how, PATH=str(path)).returncode == 0
    with layer(tmp_path, "x/tool:2") as content:
        lock = text(content, "opt/server/node_modules/.bin/tool")
    assert lock == '{"lockfileVersion": 3}'
    (package / "package-lock.json").write_text('{"lockfileVersion": 2}')
    assert image(tmp_path, "x/tool:3", how, PATH=str(path)).returncode == 1


def test_without_npm_or_a_lock_file_the_refusal_has_a_fix(tmp_path: Path, package: Path) -> None:
    path = programs_on_path(tmp_path / "bin", without={"npm"})
    refused = image(tmp_path, "x/tool:1", f"--npm={package}:/opt/server", PATH=str(path))
    assert refused.returncode == 1
    assert "no npm on PATH" in refused.stderr
    assert "install Node.js" in refused.stderr
    (package / "package-lock.json").unlink()
    refused = image(tmp_path, "x/tool:1", f"--npm={package}:/opt/server", PATH=str(path))
    assert "no package-lock.json in" in refused.stderr


def wheel(folder: Path) -> str:
    """Writes a wheel with one program; the line of a requirements file that names it."""
    made = folder / "tool-1.0-py3-none-any.whl"
    about = "tool-1.0.dist-info"
    files = {
        "tool.py": "def main():\n    print('tool')\n",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": "[console_scripts]\ntool = tool:main\n",
    }
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in files))
    return f"tool==1.0 --hash=sha256:{hashlib.sha256(made.read_bytes()).hexdigest()}\n"


def test_requirements_become_an_environment_with_programs(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(wheel(tmp_path))
    local = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    path = str(programs_on_path(tmp_path / "bin"))
    how = f"--venv={requirements}:/opt/server"
    made = image(tmp_path, "x/tool:1", how, PATH=path, **local)
    assert made.returncode == 0, made.stderr
    with layer(tmp_path, "x/tool:1") as content:
        assert text(content, "opt/server/bin/tool").startswith("#!/opt/server/bin/python3\n")
        assert content.getmember("opt/server/bin/python3").linkname == "/usr/bin/python3"
        assert "home = /usr/bin" in text(content, "opt/server/pyvenv.cfg")
        assert "opt/server/lib/python3.13/site-packages/tool.py" in content.getnames()


@pytest.mark.slow
@pytest.mark.parametrize("line", [f"tool==1.0 --hash=sha256:{'0' * 64}\n", "tool==1.0\n"])
def test_a_package_with_another_digest_or_without_one_is_not_installed(
    tmp_path: Path, line: str
) -> None:
    requirements = tmp_path / "requirements.txt"
    wheel(tmp_path)
    requirements.write_text(line)
    local = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    path = str(programs_on_path(tmp_path / "bin"))
    how = f"--venv={requirements}:/opt/server"
    assert image(tmp_path, "x/tool:1", how, PATH=path, **local).returncode == 1
