from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "xqplatform.notices"
    label = "notices"

    def ready(self) -> None:
        from xqplatform.accounts.visibility import owned
        from xqplatform.alerts import deliver
        from xqplatform.alerts.models import Delivery, Notification
        from xqplatform.notices import account, gathering, invitations, leaving, models, reports, tokens

        owned(models.Notice, "team_id")
        owned(models.Entry, "notice__team_id")
        owned(models.Post, "notice__team_id")
        owned(models.Subscription, "team")
        owned(Notification, "posts__notice__team_id")
        owned(Delivery, "notification__posts__notice__team_id")
        deliver.CHECKS.append(gathering.check)
        leaving.join()
        invitations.join()
        tokens.join()
        account.join()
        reports.join()
