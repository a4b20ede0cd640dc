from importlib import import_module

from django.apps import AppConfig

OPERATIONS = ("hosts.conformance.repair", "hosts.procedures")  # modules that register operations


class HostsConfig(AppConfig):
    name = "hosts"

    def ready(self) -> None:
        for module in OPERATIONS:
            import_module(module)
