"""The store of a row."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from containers.keeping.models import BackupTarget
from containers.keeping.stores import Store, StoreError
from containers.keeping.stores.folder import FolderStore

TRIAL = "xq-trial"


def open_store(target: BackupTarget) -> Store:
    """Raises StoreError for one that cannot be used."""
    if target.kind == BackupTarget.Kind.FOLDER:
        return FolderStore(Path(settings.DATA_DIR) / "backups" / target.name)
    # Its library takes 30 MB: only who uses it has it.
    from containers.keeping.stores.s3 import S3Place, S3Store

    prefix = f"{target.key_prefix.strip('/')}/" if target.key_prefix.strip("/") else ""
    place = S3Place(
        target.bucket, target.access_key, target.secret_key, target.endpoint, target.region, prefix, target.ca
    )
    return S3Store(place)


def try_out(store: Store) -> None:
    """Writes, reads, lists and removes a small object. Raises StoreError that says which of them it does not do."""
    data = b"The platform was here, and removes this at once.\n"
    store.put(TRIAL, data)
    if store.get(TRIAL) != data or TRIAL not in set(store.keys(TRIAL)):
        raise StoreError(f"{store.where}: what was written is not there.")
    store.remove([TRIAL])
