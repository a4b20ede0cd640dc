from containers.keeping.models.snapshots import DataVolume, Snapshot, SnapshotPolicy

__all__ = ["DataVolume", "Snapshot", "SnapshotPolicy"]
