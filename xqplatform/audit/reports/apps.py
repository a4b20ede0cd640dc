from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "xqplatform.audit.reports"
    label = "reports"
