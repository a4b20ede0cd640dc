from containers.keeping.models.left import LeftData
from containers.keeping.models.snapshots import DataVolume, Snapshot, SnapshotPolicy

__all__ = ["DataVolume", "LeftData", "Snapshot", "SnapshotPolicy"]
