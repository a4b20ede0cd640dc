from django.apps import AppConfig


class SecretsConfig(AppConfig):
    name = "xqplatform.secrets"
    label = "secrets"

    def ready(self) -> None:
        from xqplatform.secrets import logs

        logs.install()
