from containers.keeping.models.backups import Backup, BackupPart, BackupPolicy, BackupTarget, Drill
from containers.keeping.models.snapshots import DataVolume, Snapshot, SnapshotPolicy

__all__ = [
    "Backup",
    "BackupPart",
    "BackupPolicy",
    "BackupTarget",
    "DataVolume",
    "Drill",
    "Snapshot",
    "SnapshotPolicy",
]
