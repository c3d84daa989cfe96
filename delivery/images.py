"""Provides the container images of the dev platform to kind and to the local node."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.base.problems import Problem, ProblemReport
from graph.stack_files import OURS, StackFiles

from . import local_node, process
from .cluster import KIND_CLUSTER, Cluster
from .kubectl import Object
from .progress import Progress
from .state_folders import tools_cache, write_atomically

RUNTIME = Path(__file__).resolve().parent.parent / "runtime"
SERVER = "qudag-mcp-server"
CRATE = "qudag-cli@0.5.0"
"""The released QuDAG program. Its image also contains the server, which looks up peer ids."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the local node builds a stand-in for an image from Debian packages.

    Attributes:
        repositories: last parts of the repositories of the images that it replaces.
        debian: Debian packages.
        description: name of the stand-in, shown to the user.
        path: folders put first on its PATH.
    """

    repositories: Sequence[str]
    debian: str
    description: str
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
)


@dataclass(frozen=True)
class Images:
    """The images that were built for a cluster.

    Attributes:
        references: by configured name, the reference with a digest. It changes with the image, so
            that Kubernetes restarts the pods.
        stand_ins: lines for the user, each an image and its stand-in.
    """

    references: Mapping[str, str] = field(default_factory=dict[str, str])
    stand_ins: tuple[str, ...] = ()

    def settings(self, files: StackFiles) -> dict[str, Any]:
        """The stack's ``images`` config with the built references; empty if there are none."""
        if not self.references:
            return {}
        from stacks.config.images import Images as Configured

        key = f"{files.project}:images"
        fields: dict[str, Any] = json.loads(files.config.get(key, "{}"))
        if files.project == OURS:  # an image that is not configured has a default
            configured = Configured.model_validate(fields)
            fields = configured.model_dump(by_alias=True, exclude_none=True)
        return fields and {
            key: {name: self.references.get(value, value) for name, value in fields.items()}
        }


def used(manifests: Iterable[Object]) -> list[str]:
    """The names of all images of the pods in these manifests."""
    found: dict[str, None] = {}
    for manifest in manifests:
        for container in _containers(manifest):
            found[container["image"]] = None
    return list(found)


def provide(cluster: Cluster, manifests: Sequence[Object], progress: Progress) -> Images:
    """Build the images that the cluster needs, and load them into kind or the local node."""
    names = used(manifests)
    match cluster.kind:
        case "context":
            return Images()
        case "kind":
            return _built(names, progress)
        case "node":
            with progress.step("Images") as step:
                images = _assembled(names, progress)
                step.result = f"{len(images.references)} on the node"
                return images


def _containers(manifest: Object) -> list[dict[str, Any]]:
    """All containers of the pods of a manifest, init containers included."""
    spec: dict[str, Any] = manifest.get("spec") or {}
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    pod: dict[str, Any] = spec if manifest["kind"] == "Pod" else _pod_of(spec)
    return [*pod.get("initContainers", ()), *pod.get("containers", ())]


def _pod_of(spec: dict[str, Any]) -> dict[str, Any]:
    template: dict[str, Any] = spec.get("template") or {}
    return template.get("spec") or {}


def repository(name: str) -> str:
    """The last part of an image's repository: ``postgres`` of ``docker.io/library/postgres:1``."""
    return re.sub(r"[:@].*$", "", name.rsplit("/", 1)[-1])


# ---- the local node ----------------------------------------------------------------------------


def _assembled(names: Sequence[str], progress: Progress) -> Images:
    """Assemble all images for the local node; unchanged ones are not assembled again."""
    references: dict[str, str] = {}
    stand_ins: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            arguments, what = image_arguments(name, Path(folder, str(len(references))))
            stand_ins.append(f"{name}: {what}")
            tagged = _tagged(name)
            references[name] = f"{tagged}@{_assemble(tagged, arguments, progress)}"
    return Images(references, tuple(stand_ins))


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
        case _:
            stand_in = recipe(name)
            path = ":".join([*stand_in.path, _PATH])
            environment = ["--env", f"PATH={path}"] if stand_in.path else []
            return (
                [f"--debian={stand_in.debian}", *environment],
                f"{stand_in.description} is its stand-in",
            )


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
    for source in sorted([*RUNTIME.glob("*.py"), *RUNTIME.glob("stores/*.py")]):
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
        f"--requirements={RUNTIME / 'requirements.txt'}",
        f"--add={folder}:/",
    ]


def _assemble(name: str, arguments: Sequence[str], progress: Progress) -> str:
    """Assemble the image unless the local node has the same one; returns its digest."""
    made_of = fingerprint(arguments)
    stamp = tools_cache() / f"image-{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"
    stored = local_node.image_manifest(name)
    if stamp.exists() and stored.exists():
        known = json.loads(stamp.read_text())
        if known == {"recipe": made_of, "digest": _sha256(stored)}:
            return known["digest"]
    progress.say(f"assembling {name}")
    local_node.assemble(name, arguments, progress)
    digest = _sha256(stored)
    write_atomically(stamp, json.dumps({"recipe": made_of, "digest": digest}))
    return digest


def fingerprint(arguments: Sequence[str]) -> str:
    """A digest of the arguments, of the files that they name and of ``tools/node/image``."""
    digest = hashlib.sha256()
    for tool in ("image", "layers.py"):
        digest.update((local_node.FOLDER / tool).read_bytes())
    for argument in arguments:
        flag, _, value = argument.partition("=")
        digest.update(f"{flag}\n".encode())
        if flag == "--add":
            top = Path(value.rpartition(":")[0])
            for file in sorted(path for path in top.rglob("*") if path.is_file()):
                digest.update(f"{file.relative_to(top)}\n".encode())
                digest.update(file.read_bytes())
        elif flag == "--requirements":
            digest.update(Path(value).read_bytes())
        else:
            digest.update(f"{value}\n".encode())
    return digest.hexdigest()


def _sha256(file: Path) -> str:
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def _tagged(name: str) -> str:
    """The image's name without the published digest, which belongs to the published image."""
    plain, _, digest = name.partition("@")
    has_tag = ":" in plain.rpartition("/")[2]
    return plain if has_tag or not digest else f"{plain}:stand-in"


# ---- kind --------------------------------------------------------------------------------------


def _built(names: Sequence[str], progress: Progress) -> Images:
    """Build the server's image with Docker and load it into kind, which pulls the others."""
    references: dict[str, str] = {}
    for name in names:
        if repository(name) != SERVER:
            continue
        reference = f"{_tagged(name)}-{_content(RUNTIME)[:12]}"
        with progress.step(f"Building {reference}"):
            for argv in (
                ["docker", "build", "--tag", reference, str(RUNTIME)],
                ["kind", "load", "docker-image", reference, "--name", KIND_CLUSTER],
            ):
                outcome = process.run(argv, on_line=progress.say, timeout=1800)
                if not outcome.ok:
                    raise ProblemReport(
                        [
                            Problem(
                                " ".join(argv[:2]),
                                outcome.last_lines(4),
                                "the server's pods would not start",
                                "fix the error and run this again, or use CLUSTER=node",
                            )
                        ]
                    )
        references[name] = reference
    return Images(references)


def _content(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(folder)}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
