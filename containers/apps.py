from django.apps import AppConfig


def instances_on(host_id: int) -> int:
    """How many instances stand on a host and keep it from being removed."""
    from containers.models import Instance

    return Instance.objects.filter(host_id=host_id, removed=None).count()


class ContainersConfig(AppConfig):
    name = "containers"

    def ready(self) -> None:
        from hosts import hooks

        hooks.HOST_USERS.append(instances_on)
