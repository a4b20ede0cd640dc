from django.urls import path

from xqplatform.secrets import views

app_name = "secrets"
urlpatterns = [path("settings/secrets/", views.keys, name="keys")]
