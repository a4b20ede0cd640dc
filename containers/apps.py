from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _defaults(**_: Any) -> None:
    from containers.services.catalog import ensure_defaults

    ensure_defaults()


def instances_on(host_id: int) -> int:
    """How many instances stand on a host and keep it from being removed."""
    from containers.models import Instance

    return Instance.objects.filter(host_id=host_id, removed=None).count()


class ContainersConfig(AppConfig):
    name = "containers"

    def ready(self) -> None:
        post_migrate.connect(_defaults, sender=self, dispatch_uid="containers.defaults")
        from builds import guards
        from containers import converge
        from containers.views import moves
        from hosts import hooks

        hooks.HOST_USERS.append(instances_on)
        hooks.CONTAINER_HOOKS.append(converge.containers_changed)
        hooks.HOST_REFRESHED.append(converge.host_refreshed)
        hooks.HOST_PANELS.append(moves.panel)
        hooks.HOST_OPERATIONS.append(moves.operation)
        guards.DISCARD_GUARDS.append(converge.keeps_image)
        guards.RUNNING_WORDS.append(converge.running_words)
