from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "xqplatform.notices"
    label = "notices"
