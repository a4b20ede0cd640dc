from django.urls import URLPattern, URLResolver, path

from containers.capacity.views import calculator, overview, right_sizing

app_name = "capacity"
urlpatterns: list[URLPattern | URLResolver] = [
    path("capacity/", overview.show, name="overview"),
    path("capacity/calculator/", calculator.show, name="calculator"),
    path("capacity/right-sizing/", right_sizing.show, name="right_sizing"),
    path("capacity/right-sizing/apply/", right_sizing.apply, name="right_sizing_apply"),
]
