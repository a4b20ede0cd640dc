from django.urls import URLPattern, URLResolver, path

from containers.capacity.views import calculator, overview, right_sizing, what_if

app_name = "capacity"
urlpatterns: list[URLPattern | URLResolver] = [
    path("capacity/", overview.show, name="overview"),
    path("capacity/calculator/", calculator.show, name="calculator"),
    path("capacity/what-if/", what_if.show, name="what_if"),
    path("capacity/what-if/save/", what_if.save, name="scenario_save"),
    path("capacity/what-if/<int:number>/", what_if.kept, name="scenario"),
    path("capacity/what-if/<int:number>/remove/", what_if.remove, name="scenario_remove"),
    path("capacity/right-sizing/", right_sizing.show, name="right_sizing"),
    path("capacity/right-sizing/apply/", right_sizing.apply, name="right_sizing_apply"),
]
