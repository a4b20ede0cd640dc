from containers.keeping.models.left import LeftData
from containers.keeping.models.snapshots import DataVolume, Restore, Snapshot, SnapshotPolicy

__all__ = ["DataVolume", "LeftData", "Restore", "Snapshot", "SnapshotPolicy"]
