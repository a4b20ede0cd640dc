from django.apps import AppConfig


class BuildsConfig(AppConfig):
    name = "builds"

    def ready(self) -> None:
        from builds import around, notices
        from builds.forges import taking

        notices.register()
        around.CHANGED.append(taking.tell)
