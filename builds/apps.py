from django.apps import AppConfig


class BuildsConfig(AppConfig):
    name = "builds"

    def ready(self) -> None:
        from builds import around, leaving, notices, owned, roots
        from builds.forges import notices as push_notices
        from builds.forges import statuses, taking
        from xqplatform.secrets import known

        owned.register()
        roots.register()
        known.EVERYWHERE |= {
            "builds.registry.password": known.text,
            "builds.project.repository_password": known.text,
            "builds.project.build_secrets": known.values_of_json,
            "builds.forge.secret": known.text,
            "builds.forge.token": known.text,
        }
        notices.register()
        leaving.join()
        push_notices.register()
        around.CHANGED += [taking.tell, statuses.of_build]
