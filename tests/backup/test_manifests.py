"""The objects of a stack go with the database's backup to a real S3 server, and come back."""

from __future__ import annotations

import base64
from pathlib import Path

import botocore.exceptions
import pytest
import yaml

from delivery.restored_manifests import write
from graph.manifests import manifests
from runtime.backup_errors import Status
from runtime.kubernetes_manifests import DESCRIPTION, FILE
from stacks.backup import MANIFESTS
from tests.harness import canary_stack
from tests.harness.backups import BackedUp
from tests.harness.postgres import HOW_TO_GET, binaries
from tests.harness.s3_server import BUCKET, S3Server, installed
from tests.harness.s3_server import HOW_TO_GET as HOW_TO_GET_S3

pytest.importorskip("obstore", reason="obstore is not installed: call make setup")
pytestmark = [
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
    pytest.mark.skipif(not installed(), reason=HOW_TO_GET_S3),
    pytest.mark.xdist_group("backups"),
]


def test_the_objects_of_a_program_are_stored_locked_and_restored(
    backed_up: BackedUp, bucket: S3Server, tmp_path: Path
):
    objects = list(manifests(canary_stack.graph()).values())
    (made,) = [one for one in objects if one["metadata"]["name"] == MANIFESTS]
    backed_up.settings = {"manifests": str(tmp_path)}

    absent = backed_up.backup()
    assert absent.status == Status.MISSING
    assert "tables" in absent.output
    assert "deploy the stack again" in absent.errors

    (tmp_path / FILE).write_bytes(base64.b64decode(made["binaryData"][FILE]))
    done = backed_up.backup()
    assert done.status == 0, done.errors
    prefix = f"platform/{backed_up.stack}/manifests/"
    listed = bucket.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
    keys = {item["Key"].rpartition("/")[2]: item["Key"] for item in listed}
    assert keys.keys() == {FILE, DESCRIPTION}
    for key in keys.values():
        version = bucket.client.head_object(Bucket=BUCKET, Key=key)["VersionId"]
        with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied|locked|retention"):
            bucket.client.delete_object(Bucket=BUCKET, Key=key, VersionId=version)

    restored = backed_up.restore_manifests()
    assert restored.status == 0, restored.errors
    said = write(restored.output, tmp_path / "out")
    found = list(yaml.safe_load_all((tmp_path / "out/manifests.yaml").read_text()))
    wanted = [one for one in objects if one is not made]
    assert len(found) == len(wanted)
    assert all(one in wanted for one in found)
    assert f"{len(wanted)} objects" in said

    content = bucket.client.get_object(Bucket=BUCKET, Key=keys[FILE])["Body"].read()
    changed = bytes([*content[:100], content[100] ^ 1, *content[101:]])
    bucket.client.put_object(Bucket=BUCKET, Key=keys[FILE], Body=changed)
    damaged = backed_up.restore_manifests()
    assert (damaged.status, damaged.output) == (Status.DAMAGED, "")
