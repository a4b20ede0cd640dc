from django.apps import AppConfig


class KeepingConfig(AppConfig):
    name = "containers.keeping"
    label = "keeping"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from containers import holds, left_behind
        from containers.keeping import following, left, left_operations, operations, restoring
        from containers.keeping.models import DataVolume, LeftData, Restore, Snapshot, SnapshotPolicy
        from containers.keeping.services import restores
        from xqplatform.accounts.visibility import owned

        left.join()
        owned(LeftData, "place__service__team")
        assert left_operations.REMOVE
        assert operations.TAKE  # importing them registered their kinds
        assert restoring.RESTORE
        left_behind.RENAMED.append(following.renamed)
        left_behind.HOLDS.append(following.holds)
        left_behind.REMOVED.append(following.removed)
        holds.HOLDERS.append(restores.under_way)
        holds.KEEPS.append(lambda release: restores.under_way(release.place))
        for model in (DataVolume, Restore, Snapshot):
            owned(model, "instance__place__service__team")
        owned(SnapshotPolicy, "place__service__team")
