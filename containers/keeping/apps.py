from django.apps import AppConfig


class KeepingConfig(AppConfig):
    name = "containers.keeping"
    label = "keeping"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from containers import charts, holds, left_behind
        from containers.keeping import (
            alerting,
            backup_work,
            drill_work,
            following,
            left,
            left_operations,
            marks,
            operations,
            recover_work,
            releasing,
            restoring,
            still,
        )
        from containers.keeping.models import (
            Backup,
            BackupPolicy,
            DataVolume,
            Drill,
            LeftData,
            Restore,
            Snapshot,
            SnapshotPolicy,
        )
        from containers.keeping.services import restores
        from xqplatform.accounts.visibility import owned
        from xqplatform.secrets import known

        kinds = operations.TAKE, restoring.RESTORE, backup_work.BACKUP, drill_work.DRILL, left_operations.REMOVE
        assert all([*kinds, recover_work.RECOVER])  # importing them registered their kinds
        known.EVERYWHERE |= {"keeping.backuptarget.key": known.text, "keeping.backuptarget.secret_key": known.text}
        left.join()
        alerting.register()
        owned(LeftData, "place__service__team")
        left_behind.RENAMED.append(following.renamed)
        left_behind.HOLDS.append(following.holds)
        left_behind.REMOVED.append(following.removed)
        charts.MARKS.append(marks.of)
        holds.KEEPERS.append(releasing.Keeper())
        holds.TOLD.append(releasing.told)
        holds.HOLDERS.append(restores.under_way)
        holds.STILL.append(still.of)
        holds.KEEPS.append(lambda release: restores.under_way(release.place))
        for model in (DataVolume, Restore, Snapshot, Backup):
            owned(model, "instance__place__service__team")
        owned(Drill, "backup__instance__place__service__team")
        for policy in (SnapshotPolicy, BackupPolicy):
            owned(policy, "place__service__team")
