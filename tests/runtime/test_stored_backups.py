"""Which of the backups in a bucket is restored, and what is said if there is none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runtime.backup_config import BackupSection
from runtime.backup_errors import BackupError, Status
from runtime.backup_manifest import Dump, Manifest
from runtime.backup_store import BackupStore
from runtime.stored_backups import chosen

pytest.importorskip("obstore", reason="obstore is not installed: call make setup")
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def manifest_of(moment: datetime, **changes: object) -> Manifest:
    fields: dict[str, object] = {
        "stack": "prod",
        "taken_at": moment,
        "database": "qudag_mcp",
        "postgres": "17.0",
        "schema_version": 1,
        "tables": {},
        "dump": Dump(size=4, sha256="0" * 64),
    }
    return Manifest.model_validate({**fields, **changes})


def stored(folder: Path, moments: Sequence[datetime], **changes: object) -> BackupStore:
    """The store of a stack with a backup of each of these times."""
    data = folder / "data"
    data.write_bytes(b"data")
    store = BackupStore(BackupSection(stack="prod", url=f"file://{folder}/bucket"))
    for moment in moments:
        store.add(manifest_of(moment, **changes), data)
    return store


def restored(store: BackupStore, before: datetime | None) -> datetime:
    return chosen(store.where, store.names(), store.manifest, before).taken_at


def test_a_backup_without_its_manifest_is_not_listed(tmp_path: Path):
    store = stored(tmp_path, [NOON + timedelta(days=1), NOON])
    unfinished = tmp_path / "bucket/prod/database/20261201T120000Z"
    unfinished.mkdir()
    (unfinished / "database.dump").write_bytes(b"da")
    assert store.names() == ["20261129T120000Z", "20261130T120000Z"]


def test_the_newest_is_restored_or_the_newest_from_before_a_time(tmp_path: Path):
    # The name of the second one has whole seconds: it is that of noon.
    moments = [NOON - timedelta(hours=1), NOON + timedelta(milliseconds=700)]
    store = stored(tmp_path, moments)
    assert restored(store, None) == moments[1]
    assert restored(store, NOON + timedelta(seconds=1)) == moments[1]
    assert restored(store, NOON + timedelta(milliseconds=700)) == moments[1]
    assert restored(store, NOON + timedelta(milliseconds=699)) == moments[0]
    assert restored(store, moments[0]) == moments[0]


def test_there_is_no_backup(tmp_path: Path):
    empty = BackupStore(BackupSection(stack="prod", url=f"file://{tmp_path}/bucket"))
    for before in (None, NOON):
        with pytest.raises(BackupError, match=r"there is no backup: check backup\.url") as error:
            restored(empty, before)
        assert error.value.status is Status.MISSING
    store = stored(tmp_path, [NOON])
    with pytest.raises(BackupError, match="the oldest is 20261129T120000Z") as error:
        restored(store, NOON - timedelta(seconds=1))
    assert error.value.status is Status.MISSING


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"format": 2}, Status.DAMAGED, "the format is 2, and this program reads 1"),
        ({"stack": "staging"}, Status.OTHER_STACK, "is a backup of staging, not of prod"),
    ],
)
def test_a_manifest_of_another_format_or_stack_is_refused(
    tmp_path: Path, changes: dict[str, object], status: Status, said: str
):
    store = stored(tmp_path, [NOON], **changes)
    with pytest.raises(BackupError, match=said) as error:
        restored(store, None)
    assert error.value.status is status
