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
        from xqplatform.accounts.visibility import owned
        from xqplatform.alerts import audited, models, platform_sources
        from xqplatform.audit import hooks
        from xqplatform.secrets import known

        owned(models.Alert, "team_id")
        owned(models.Transition, "alert__team_id")
        owned(models.Notification, "alerts__team_id")
        owned(models.Delivery, "notification__alerts__team_id")
        hooks.AROUND.append(audited.around)
        platform_sources.register()
        known.EVERYWHERE |= {"alerts.channel.url": known.address, "alerts.channel.secret": known.text}
        post_migrate.connect(_defaults, sender=self, dispatch_uid="alerts.defaults")
