from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "xqplatform.web"
    label = "web"
