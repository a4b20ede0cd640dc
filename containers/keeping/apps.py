from django.apps import AppConfig


class KeepingConfig(AppConfig):
    name = "containers.keeping"
    label = "keeping"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from containers.keeping import backup_work, drill_work, operations
        from containers.keeping.models import Backup, BackupPolicy, DataVolume, Drill, Snapshot, SnapshotPolicy
        from xqplatform.accounts.visibility import owned
        from xqplatform.secrets import known

        assert all([operations.TAKE, backup_work.BACKUP, drill_work.DRILL])  # importing them registered their kinds
        known.EVERYWHERE |= {"keeping.backuptarget.key": known.text, "keeping.backuptarget.secret_key": known.text}
        for model in (DataVolume, Snapshot, Backup):
            owned(model, "instance__place__service__team")
        owned(Drill, "backup__instance__place__service__team")
        for policy in (SnapshotPolicy, BackupPolicy):
            owned(policy, "place__service__team")
