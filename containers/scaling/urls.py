from django.urls import path

from containers.scaling import views

urlpatterns = [
    path("services/<slug:slug>/<slug:environment>/scaling/", views.show, name="scaling"),
]
