from django.apps import AppConfig


class SignInConfig(AppConfig):
    name = "xqplatform.accounts.signin"
    label = "signin"

    def ready(self) -> None:
        from xqplatform.accounts.signin import events

        events.connect()
