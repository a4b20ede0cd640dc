from containers.keeping.models.backups import Backup, BackupPart, BackupPolicy, BackupTarget, Drill
from containers.keeping.models.snapshots import DataVolume, Restore, Snapshot, SnapshotPolicy

__all__ = [
    "Backup",
    "BackupPart",
    "BackupPolicy",
    "BackupTarget",
    "DataVolume",
    "Drill",
    "Restore",
    "Snapshot",
    "SnapshotPolicy",
]
