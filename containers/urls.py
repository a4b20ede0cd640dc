from django.urls import URLPattern, URLResolver

app_name = "containers"
urlpatterns: list[URLPattern | URLResolver] = []
