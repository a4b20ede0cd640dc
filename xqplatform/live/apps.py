from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "xqplatform.live"
    label = "live"
