from django.apps import AppConfig


class SecretsConfig(AppConfig):
    name = "xqplatform.secrets"
    label = "secrets"
