from django.urls import path

from builds.badges import views

urlpatterns = [
    path("badges/<slug:key>/build.svg", views.build, name="badge_build"),
    path("builds/projects/<slug:name>/badges/", views.change, name="badges"),
]
