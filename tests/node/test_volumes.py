"""The local node's volumes are closed to other users of the machine."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.restricted_path import NODE

PROVISIONER = "node/hostpath"


@pytest.fixture
def volumes(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """The controller for volumes, loaded from its file: the node's scripts are no package."""
    monkeypatch.setattr(sys, "path", [str(NODE), *sys.path])
    spec = importlib.util.spec_from_file_location("node_controllers", NODE / "controllers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "node_controllers", module)
    spec.loader.exec_module(module)
    return module.Volumes


class Api:
    """The objects that a controller asks for, and the calls that it makes."""

    def __init__(self, **objects: list[dict[str, Any]]) -> None:
        self.objects = objects
        self.called: list[tuple[str, str]] = []
        self.created: list[dict[str, Any]] = []

    def items(self, path: str) -> list[dict[str, Any]]:
        return self.objects.get(path.rpartition("/")[2], [])

    def __call__(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        self.called.append((method, path))
        if body:
            self.created.append(body)


def test_volume_folders_are_closed_to_other_users(
    tmp_path: Path, volumes: Callable[[str], Any]
) -> None:
    api = Api(
        storageclasses=[{"metadata": {"name": "standard"}, "provisioner": PROVISIONER}],
        persistentvolumeclaims=[
            {
                "metadata": {"name": "data", "namespace": "mcp", "uid": "1"},
                "spec": {
                    "storageClassName": "standard",
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
                "status": {"phase": "Pending"},
            }
        ],
    )
    volumes(str(tmp_path / "volumes")).step(api)
    (made,) = api.created
    path = Path(made["spec"]["hostPath"]["path"])
    assert path.is_dir()
    assert path.parent.stat().st_mode & 0o077 == 0


def test_deleting_a_volume_with_another_host_path_deletes_its_own_folder_only(
    tmp_path: Path, volumes: Callable[[str], Any]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "volumes/pvc-1").mkdir(parents=True)
    released = {
        "metadata": {
            "name": "pvc-1",
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
        },
        "spec": {"persistentVolumeReclaimPolicy": "Delete", "hostPath": {"path": str(other)}},
        "status": {"phase": "Released"},
    }
    api = Api(persistentvolumes=[released])
    volumes(str(tmp_path / "volumes")).step(api)
    assert other.exists()
    assert not (tmp_path / "volumes/pvc-1").exists()
    assert api.called == [("DELETE", "/api/v1/persistentvolumes/pvc-1")]
