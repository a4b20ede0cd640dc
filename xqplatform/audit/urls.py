from django.urls import path

from xqplatform.audit import views
from xqplatform.audit.proof import views as proof

app_name = "audit"
urlpatterns = [
    path("audit/", views.log, name="log"),
    path("audit/verify/", proof.verify, name="verify"),
    path("audit/export.jsonl", proof.export_lines, name="export_lines"),
    path("audit/export.cef", proof.export_cef, name="export_cef"),
    path("audit/checkpoints.jsonl", proof.checkpoints, name="checkpoints"),
    path("audit/export.csv", views.export, name="export"),
    path("audit/<int:pk>/", views.event, name="event"),
]
