"""Pages of gates, part of the app's own."""

from django.urls import URLPattern, URLResolver, path

from containers.gates import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("settings/gates/", views.platform, name="gates"),
    path("settings/gates/<slug:slug>/", views.environment, name="gates_of"),
    path("services/<slug:slug>/<slug:environment>/gates/", views.of_place, name="place_gates"),
]
