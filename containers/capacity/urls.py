from django.urls import URLPattern, URLResolver, path

from containers.capacity.views import overview, scorecard

app_name = "capacity"
urlpatterns: list[URLPattern | URLResolver] = [
    path("capacity/", overview.show, name="overview"),
    path("capacity/scorecard/", scorecard.show, name="scorecard"),
    path("capacity/scorecard/<slug:slug>/", scorecard.service, name="scorecard_service"),
    path("capacity/scorecard/<slug:slug>/<slug:environment>/objective/", scorecard.objective, name="objective"),
]
