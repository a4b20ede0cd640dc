from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _defaults(**_: Any) -> None:
    from containers.services.catalog import ensure_defaults

    ensure_defaults()


class ContainersConfig(AppConfig):
    name = "containers"

    def ready(self) -> None:
        post_migrate.connect(_defaults, sender=self, dispatch_uid="containers.defaults")
