from django.apps import AppConfig


class ScalingConfig(AppConfig):
    name = "containers.scaling"
    label = "scaling"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from containers.guardrails import calendars as verbs
        from containers.scaling import alerting, calendars, documents
        from containers.scaling.models import ScalingDecision, ScalingPolicy
        from xqplatform.accounts.visibility import owned

        alerting.register()
        documents.register()
        verbs.USES.append(calendars.used)
        for model in (ScalingPolicy, ScalingDecision):
            owned(model, "place__service__team")
