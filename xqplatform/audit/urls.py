from django.urls import path

from xqplatform.audit.proof import views as proof
from xqplatform.audit.views import log, saved

app_name = "audit"
urlpatterns = [
    path("audit/", log.log, name="log"),
    path("audit/verify/", proof.verify, name="verify"),
    path("audit/export.jsonl", proof.export_lines, name="export_lines"),
    path("audit/export.cef", proof.export_cef, name="export_cef"),
    path("audit/checkpoints.jsonl", proof.checkpoints, name="checkpoints"),
    path("audit/export.csv", log.export, name="export"),
    path("audit/newer/", log.newer, name="newer"),
    path("audit/views/", saved.views, name="views"),
    path("audit/views/new/", saved.create, name="view_create"),
    path("audit/views/<int:pk>/", saved.change, name="view_change"),
    path("audit/views/<int:pk>/remove/", saved.remove, name="view_remove"),
    path("audit/<int:pk>/", log.event, name="event"),
]
