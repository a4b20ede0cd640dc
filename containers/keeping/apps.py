from django.apps import AppConfig


class KeepingConfig(AppConfig):
    name = "containers.keeping"
    label = "keeping"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from containers.keeping import left, left_operations, operations
        from containers.keeping.models import DataVolume, LeftData, Snapshot, SnapshotPolicy
        from xqplatform.accounts.visibility import owned

        left.join()
        owned(LeftData, "place__service__team")
        assert left_operations.REMOVE
        assert operations.TAKE  # importing it registered its kinds
        for model in (DataVolume, Snapshot):
            owned(model, "instance__place__service__team")
        owned(SnapshotPolicy, "place__service__team")
