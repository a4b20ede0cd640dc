from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "xqplatform.accounts"
    label = "accounts"

    def ready(self) -> None:
        from xqplatform.accounts.signin import events

        events.connect()
