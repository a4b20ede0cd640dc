from django.urls import path

from containers.automatic import views

urlpatterns = [
    path("services/<slug:slug>/automatic-releases/", views.show, name="automatic"),
    path("services/<slug:slug>/automatic-releases/<slug:environment>/", views.save, name="automatic_save"),
]
