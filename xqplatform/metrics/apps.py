from django.apps import AppConfig


class MetricsConfig(AppConfig):
    name = "xqplatform.metrics"
    label = "metrics"

    def ready(self) -> None:
        from xqplatform.metrics.exporting import own

        own.registered()
