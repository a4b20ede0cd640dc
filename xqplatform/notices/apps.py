from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "xqplatform.notices"
    label = "notices"

    def ready(self) -> None:
        from xqplatform.alerts import deliver
        from xqplatform.notices import gathering, invitations, leaving

        deliver.CHECKS.append(gathering.check)
        leaving.join()
        invitations.join()
