from django.apps import AppConfig


class HostsConfig(AppConfig):
    name = "hosts"

    def ready(self) -> None:
        import hosts.procedures  # noqa: F401  registers what operations do
