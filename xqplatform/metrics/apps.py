from django.apps import AppConfig


class MetricsConfig(AppConfig):
    name = "xqplatform.metrics"
    label = "metrics"
