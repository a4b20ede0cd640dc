from django.urls import path, re_path

from xqplatform.audit.reports import views

app_name = "reports"
urlpatterns = [
    path("audit/reports/", views.index, name="index"),
    re_path(r"^audit/reports/(?P<month>[0-9]{4}-[0-9]{2})\.(?P<form>pdf|csv)$", views.download, name="download"),
]
