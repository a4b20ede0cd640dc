from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _defaults(**_: Any) -> None:
    from xqplatform.alerts.defaults import ensure_defaults

    ensure_defaults()


class AlertsConfig(AppConfig):
    name = "xqplatform.alerts"
    label = "alerts"

    def ready(self) -> None:
        from xqplatform.alerts import platform_sources
        from xqplatform.secrets import known

        platform_sources.register()
        known.EVERYWHERE |= {"alerts.channel.url": known.address, "alerts.channel.secret": known.text}
        post_migrate.connect(_defaults, sender=self, dispatch_uid="alerts.defaults")
