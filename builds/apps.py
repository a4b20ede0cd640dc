from django.apps import AppConfig


class BuildsConfig(AppConfig):
    name = "builds"

    def ready(self) -> None:
        from builds import around
        from builds.forges import taking

        around.CHANGED.append(taking.tell)
