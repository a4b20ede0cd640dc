from django.urls import URLPattern, path

from containers.recorder import views

urlpatterns: list[URLPattern] = [
    path("releases/<int:number>/calls/", views.calls, name="release_calls"),
]
