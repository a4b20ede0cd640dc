from django.urls import path

from builds.forges import views

P = "builds/projects/<slug:name>/"
urlpatterns = [
    path("forge/<slug:key>/", views.incoming, name="forge_incoming"),
    path(f"{P}forge/", views.show, name="forge"),
    path(f"{P}forge/secret/", views.renew, name="forge_secret"),
    path(f"{P}forge/remove/", views.remove, name="forge_remove"),
]
