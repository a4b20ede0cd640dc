from django.urls import path

from xqplatform.web import views

app_name = "web"
urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("search/", views.search, name="search"),
    path("search/hits/", views.hits, name="hits"),
    path("guide/sample/", views.sample, name="sample"),
    path("language/", views.set_language, name="set_language"),
]
