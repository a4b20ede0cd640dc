from django.urls import path

from xqplatform.live import views

app_name = "live"
urlpatterns = [
    path("live/", views.stream, name="stream"),
    path("live/versions", views.versions, name="versions"),
]
