"""Pages of services and environments as code, part of the app's own."""

from django.urls import URLPattern, URLResolver, path

from containers.ascode import views

S, E = "services/<slug:slug>/code/", "settings/environments/<slug:slug>/code/"
urlpatterns: list[URLPattern | URLResolver] = [
    path("code/", views.index, name="files"),
    path("code/apply/", views.apply, name="file_apply"),
    path("code/applied/<int:number>/", views.applied, name="file"),
    path(S, views.of_service, name="service_code"),
    path(f"{S}export/", views.export_service, name="service_export"),
    path(E, views.of_environment, name="environment_code"),
    path(f"{E}export/", views.export_environment, name="environment_export"),
]
