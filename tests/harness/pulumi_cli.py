"""Runs the real Pulumi CLI on a program, with a backend and a home of the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from site import getsitepackages
from typing import Any, Final

import yaml

from delivery.pulumi_stack import summary

from .cloud_stand_in import install

ROOT: Final = Path(__file__).resolve().parents[2]
PULUMI: Final = shutil.which("pulumi")
INSTALL: Final = "https://www.pulumi.com/docs/install/"


def missing(*programs: str) -> str:
    """The reason to skip a test that needs Pulumi and these programs; empty if all are there."""
    absent = [each for each in ("pulumi", *programs) if shutil.which(each) is None]
    return f"no {', '.join(absent)} on PATH: {INSTALL}" if absent else ""


@dataclass(frozen=True)
class PulumiCli:
    """A stack of a program, which Pulumi deploys.

    Attributes:
        program: the folder of its ``Pulumi.yaml``.
        home: where Pulumi keeps plugins, and its state.
        variables: of its environment, besides those of this process.
    """

    program: Path
    home: Path
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    def run(self, *words: str, ok: bool = True) -> str:
        """Runs a command; returns what it printed. ``ok`` says whether it must succeed."""
        (self.home / "state").mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "PULUMI_HOME": str(self.home),
            "PULUMI_BACKEND_URL": (self.home / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "NO_COLOR": "1",
            **self.variables,
        }
        done = subprocess.run(
            [PULUMI or "pulumi", *words, "--non-interactive", "--color=never"],
            cwd=self.program,
            env=environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        assert (done.returncode == 0) is ok, done.stdout
        return done.stdout

    def create(self, stack: str = "dev") -> None:
        """Creates the stack."""
        self.run("stack", "init", stack)

    def up(self) -> dict[str, int]:
        """Deploys without a preview; the number of resources per kind of change."""
        return summary(self.run("up", "--yes", "--skip-preview", "--suppress-outputs"))


def copied_package(folder: Path) -> tuple[Path, dict[str, str]]:
    """A copy of `component_package/` with an environment of its own, and the variables it needs.

    The environment sees the packages of this one, and the components of this checkout under the
    name that the wheel gives them. Pulumi installs into it, so it is never this one itself.
    """
    package = folder / "component_package"
    shutil.copytree(ROOT / "component_package", package, ignore=shutil.ignore_patterns(".venv"))
    (package / "requirements.txt").write_text("")
    environment = package / ".venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "of-the-tests.pth").write_text("\n".join(getsitepackages()) + "\n")
    library = folder / "library"
    library.mkdir()
    (library / "pulumi_qudag_mcp").symlink_to(ROOT / "components")
    return package, {"PYTHONPATH": str(library)}


def install_plugins(home: Path) -> None:
    """Plugins of every package of this environment: Pulumi asks for each before it uses one.

    Kubernetes gets its real provider where that is on PATH; the clouds get stand-ins.
    """
    for package in ("aws", "azure-native", "command", "gcp", "kubernetes"):
        number = version(f"pulumi-{package}")
        program = shutil.which(f"pulumi-resource-{package}")
        if program is None:
            install(package, number, home, ROOT)
        else:
            plugin = home / "plugins" / f"resource-{package}-v{number}"
            plugin.mkdir(parents=True)
            (plugin / f"pulumi-resource-{package}").symlink_to(program)


def copied_example(name: str, folder: Path, package: Path) -> Path:
    """A copy of a program of `examples/languages/` that takes its package from ``package``."""
    program = folder / name
    ignored = shutil.ignore_patterns("node_modules", "sdks", "bin")
    shutil.copytree(ROOT / "examples" / "languages" / name, program, ignore=ignored)
    file = program / "Pulumi.yaml"
    settings: dict[str, Any] = yaml.safe_load(file.read_text())
    assert (ROOT / "examples/languages" / name / settings["packages"]["qudag-mcp"]).resolve() == (
        ROOT / "component_package"
    )
    settings["packages"]["qudag-mcp"] = str(package)
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    return program
