from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "xqplatform.accounts"
    label = "accounts"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from xqplatform.accounts import leaving
        from xqplatform.accounts.sessions import verbs

        user_logged_in.connect(verbs.begin, dispatch_uid="accounts.sessions")
        leaving.register(*leaving.OWN)
