"""Provides the container images of the dev platform to kind and to the local node."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.base.problems import Problem, ProblemReport
from graph.stack_files import OURS, StackFiles

from . import local_node, process
from .cluster import KIND_CLUSTER, Cluster
from .image_recipes import RUNTIME, SERVER, build, image_arguments, not_built, repository
from .kubectl import Object
from .progress import Progress
from .state_folders import tools_cache, write_atomically


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
        """The stack's ``images`` and ``servers`` with the built references; empty without any."""
        if not self.references:
            return {}
        from stacks.config.images import Images as Configured

        key, servers = f"{files.project}:images", f"{files.project}:servers"
        fields: dict[str, Any] = json.loads(files.config.get(key, "{}"))
        if files.project == OURS:  # an image that is not configured has a default
            configured = Configured.model_validate(fields)
            fields = configured.model_dump(by_alias=True, exclude_none=True)
        settings: dict[str, Any] = {}
        if fields:
            settings[key] = {name: self._built(value) for name, value in fields.items()}
        if files.project == OURS and servers in files.config:
            settings[servers] = {
                name: server
                | ({"image": self._built(server["image"])} if "image" in server else {})
                for name, server in json.loads(files.config[servers]).items()
            }
        return settings

    def _built(self, name: str) -> str:
        return self.references.get(name, name)


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


def build_programs(kind: str, manifests: Sequence[Object], progress: Progress) -> None:
    """Build the programs that images of the local node consist of, unless they are in the cache.

    Programs that cannot be built are reported by ``provide``.
    """
    absent = not_built(used(manifests)) if kind == "node" else {}
    if not absent:
        return
    with progress.step("Programs for images") as step:
        for name, built in absent.items():
            progress.say(f"tools/{built.tool}/build, for {name}: about {built.takes}")
            build(built)
        step.result = f"{len(absent)} built"


@contextlib.contextmanager
def started_early(kind: str, manifests: Sequence[Object]) -> Generator[None]:
    """Assemble absent images of the local node while the block runs, which builds and starts it.

    ``provide`` waits for them, and reports what fails.
    """
    names = used(manifests) if kind == "node" else ()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for number, name in enumerate(names):
            with contextlib.suppress(ProblemReport):  # there is no such image: `provide` says so
                arguments, _ = image_arguments(name, folder / str(number))
                if _stored(_tagged(name), fingerprint(arguments)) is None:
                    stack.enter_context(local_node.assembling(_tagged(name), arguments))
        yield


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


# ---- the local node ----------------------------------------------------------------------------


def _assembled(names: Sequence[str], progress: Progress) -> Images:
    """Assemble all images for the local node; unchanged ones are not assembled again."""
    references: dict[str, str] = {}
    stand_ins: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            tagged = _tagged(name)
            try:
                arguments, what = image_arguments(name, Path(folder, str(len(references))))
            except ProblemReport:
                if not (stored := local_node.image_manifest(tagged)).exists():
                    raise
                stand_ins.append(f"{name}: as it was assembled on this machine")
                references[name] = f"{tagged}@{_sha256(stored)}"
                continue
            stand_ins.append(f"{name}: {what}")
            references[name] = f"{tagged}@{_assemble(tagged, arguments, progress)}"
    return Images(references, tuple(stand_ins))


def _assemble(name: str, arguments: Sequence[str], progress: Progress) -> str:
    """Assemble the image unless the local node has the same one; returns its digest."""
    made_of = fingerprint(arguments)
    if known := _stored(name, made_of):
        return known
    progress.say(f"assembling {name}")
    local_node.assemble(name, arguments, progress)
    digest = _sha256(local_node.image_manifest(name))
    write_atomically(_stamp(name), json.dumps({"recipe": made_of, "digest": digest}))
    return digest


def _stored(name: str, made_of: str) -> str | None:
    """The digest of the image that the local node has; None if it was made of something else."""
    stored = local_node.image_manifest(name)
    if _stamp(name).exists() and stored.exists():
        known = json.loads(_stamp(name).read_text())
        if known == {"recipe": made_of, "digest": _sha256(stored)}:
            return known["digest"]
    return None


def _stamp(name: str) -> Path:
    return tools_cache() / f"image-{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"


def fingerprint(arguments: Sequence[str]) -> str:
    """A digest of the arguments, of the files that they name and of ``tools/node/image``."""
    digest = hashlib.sha256()
    for tool in ("image", "layers.py", "application_layers.py"):
        digest.update((local_node.FOLDER / tool).read_bytes())
    for argument in arguments:
        flag, _, value = argument.partition("=")
        digest.update(f"{flag}\n".encode())
        if flag == "--add":
            top = Path(value.rpartition(":")[0])
            for file in sorted(path for path in (top, *top.rglob("*")) if path.is_file()):
                digest.update(f"{file.relative_to(top)}\n".encode())
                digest.update(file.read_bytes())
        elif flag == "--requirements":
            digest.update(Path(value).read_bytes())
        elif flag in ("--npm", "--venv"):
            source, _, place = value.rpartition(":")
            digest.update(f"{place}\n".encode())
            for file in _lock_files(Path(source)):
                digest.update(file.read_bytes())
        else:
            digest.update(f"{value}\n".encode())
    return digest.hexdigest()


def _lock_files(source: Path) -> list[Path]:
    return sorted(source.glob("package*.json")) if source.is_dir() else [source]


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
