from django.urls import URLPattern, URLResolver, path

from containers.capacity.views import overview

app_name = "capacity"
urlpatterns: list[URLPattern | URLResolver] = [
    path("capacity/", overview.show, name="overview"),
]
