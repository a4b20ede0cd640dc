from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "xqplatform.audit"
    label = "audit"
