"""Downloads are pinned by digests, and lock files contain no URLs."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted((ROOT / "runtime").glob("*Dockerfile"))
LOCKS = sorted(ROOT.glob("tools/**/package-lock.json"))


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_every_base_image_is_named_with_a_digest(file: Path):
    text = file.read_text()
    stages = set(re.findall(r"(?m)^FROM .* AS (\S+)$", text))
    bases = re.findall(r"(?m)^FROM (\S+)", text)
    assert bases
    for base in bases:
        ours = base in stages or base.startswith("${")
        assert ours or re.search(r"@sha256:[0-9a-f]{64}$", base), base


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.parent.name))
def test_an_npm_lock_has_a_digest_and_no_url_for_each_package(lock: Path):
    packages: dict[str, dict[str, Any]] = json.loads(lock.read_text())["packages"]
    installed = {name: one for name, one in packages.items() if name and not one.get("link")}
    assert installed
    assert [name for name, one in installed.items() if "integrity" not in one] == []
    assert [name for name, one in packages.items() if "resolved" in one] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.parent.name))
def test_the_npm_lock_has_exactly_the_packages_of_package_json(lock: Path):
    asked = json.loads((lock.parent / "package.json").read_text())["dependencies"]
    assert json.loads(lock.read_text())["packages"][""]["dependencies"] == asked


def test_every_python_requirement_has_a_hash():
    for file in ROOT.glob("**/requirements*.txt"):
        if ".venv" in file.parts:
            continue
        text = re.sub(r"\\\n\s*", " ", file.read_text())
        pins = [line for line in text.splitlines() if re.match(r"[a-zA-Z0-9]", line)]
        assert [pin for pin in pins if "--hash=sha256:" not in pin] == [], file


def test_the_environment_has_the_pinned_pip_and_setuptools():
    """Those that come with Python are years old, and a scan of the environment finds them."""
    pinned = dict(
        re.findall(r"(?m)^(pip|setuptools)==(\S+)", (ROOT / "requirements.txt").read_text())
    )
    assert {name: version(name) for name in pinned} == pinned
    assert pinned.keys() == {"pip", "setuptools"}
