from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

# Modules that register operations (see hosts/operations.py).
OPERATIONS = ("hosts.command_runs", "hosts.conformance.repair", "hosts.procedures")


def _defaults(**_: Any) -> None:
    from hosts.services.commands import ensure_builtin

    ensure_builtin()


class HostsConfig(AppConfig):
    name = "hosts"

    def ready(self) -> None:
        from hosts import audited
        from xqplatform.audit.search import index

        index.PLACES.append(audited.where)
        for module in OPERATIONS:
            import_module(module)
        import_module("hosts.known")
        import_module("hosts.alerting").register()
        import_module("hosts.exported").register()
        post_migrate.connect(_defaults, sender=self, dispatch_uid="hosts.defaults")
