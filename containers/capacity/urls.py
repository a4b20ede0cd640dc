from django.urls import URLPattern, URLResolver, path

from containers.capacity.views import calculator, cost, overview, rebalance, right_sizing, scorecard, what_if

app_name = "capacity"
urlpatterns: list[URLPattern | URLResolver] = [
    path("capacity/", overview.show, name="overview"),
    path("capacity/scorecard/", scorecard.show, name="scorecard"),
    path("capacity/scorecard/<slug:slug>/", scorecard.service, name="scorecard_service"),
    path("capacity/scorecard/<slug:slug>/<slug:environment>/objective/", scorecard.objective, name="objective"),
    path("capacity/rebalance/", rebalance.show, name="rebalance"),
    path("capacity/cost/", cost.show, name="cost"),
    path("capacity/cost/prices/", cost.price_list, name="prices"),
    path("capacity/cost/prices/<int:pk>/remove/", cost.price_remove, name="price_remove"),
    path("capacity/calculator/", calculator.show, name="calculator"),
    path("capacity/what-if/", what_if.show, name="what_if"),
    path("capacity/what-if/save/", what_if.save, name="scenario_save"),
    path("capacity/what-if/<int:number>/", what_if.kept, name="scenario"),
    path("capacity/what-if/<int:number>/remove/", what_if.remove, name="scenario_remove"),
    path("capacity/right-sizing/", right_sizing.show, name="right_sizing"),
    path("capacity/right-sizing/apply/", right_sizing.apply, name="right_sizing_apply"),
]
