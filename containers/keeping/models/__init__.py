from containers.keeping.models.backups import Backup, BackupPart, BackupPolicy, BackupTarget, Drill
from containers.keeping.models.left import LeftData
from containers.keeping.models.snapshots import DataVolume, Restore, Snapshot, SnapshotPolicy

__all__ = [
    "Backup",
    "BackupPart",
    "BackupPolicy",
    "BackupTarget",
    "DataVolume",
    "Drill",
    "LeftData",
    "Restore",
    "Snapshot",
    "SnapshotPolicy",
]
