from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "xqplatform.audit"
    label = "audit"

    def ready(self) -> None:
        from xqplatform.audit.chain import triggers
        from xqplatform.audit.search import store

        post_migrate.connect(store.ensure, sender=self, dispatch_uid="audit.search")
        post_migrate.connect(triggers.after_migrate, sender=self, dispatch_uid="audit.triggers")
