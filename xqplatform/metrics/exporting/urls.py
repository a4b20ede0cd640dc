from django.urls import path

from xqplatform.metrics.exporting import views

app_name = "exporting"
urlpatterns = [path("metrics", views.metrics, name="metrics")]
