from django.apps import AppConfig


class CapacityConfig(AppConfig):
    name = "containers.capacity"
    label = "capacity"

    def ready(self) -> None:
        from containers.capacity import monthly
        from containers.capacity.models import PlaceDay
        from xqplatform.accounts.visibility import owned

        owned(PlaceDay, "place__service__team")
        monthly.join()
