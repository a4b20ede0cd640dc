from containers.keeping.models.snapshots import DataVolume, Restore, Snapshot, SnapshotPolicy

__all__ = ["DataVolume", "Restore", "Snapshot", "SnapshotPolicy"]
