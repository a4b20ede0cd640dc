from django.apps import AppConfig


class KeepingConfig(AppConfig):
    name = "containers.keeping"
    label = "keeping"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from containers.keeping import operations
        from containers.keeping.models import DataVolume, Snapshot, SnapshotPolicy
        from xqplatform.accounts.visibility import owned

        assert operations.TAKE  # importing it registered its kinds
        for model in (DataVolume, Snapshot):
            owned(model, "instance__place__service__team")
        owned(SnapshotPolicy, "place__service__team")
