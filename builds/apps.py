from django.apps import AppConfig


class BuildsConfig(AppConfig):
    name = "builds"

    def ready(self) -> None:
        from builds import around, leaving, notices
        from builds.forges import notices as push_notices
        from builds.forges import statuses, taking

        notices.register()
        leaving.join()
        push_notices.register()
        around.CHANGED += [taking.tell, statuses.of_build]
