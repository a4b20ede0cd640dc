from django.apps import AppConfig


class CapacityConfig(AppConfig):
    name = "containers.capacity"
    label = "capacity"

    def ready(self) -> None:
        from containers import place_lines
        from containers.capacity import monthly, prices, score_detail
        from containers.capacity.models import HealthDay, HealthWeek, Objective, PlaceDay
        from hosts import hooks
        from xqplatform.accounts.visibility import owned

        for model in (PlaceDay, HealthDay, HealthWeek, Objective):
            owned(model, "place__service__team")
        place_lines.LINES.append(score_detail.line)
        monthly.join()
        hooks.KEEPS.append(prices.keeps)
