from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "xqplatform.accounts"
    label = "accounts"
