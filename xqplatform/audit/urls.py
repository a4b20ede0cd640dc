from django.urls import path

from xqplatform.audit.views import log, saved

app_name = "audit"
urlpatterns = [
    path("audit/", log.log, name="log"),
    path("audit/export.csv", log.export, name="export"),
    path("audit/newer/", log.newer, name="newer"),
    path("audit/views/", saved.views, name="views"),
    path("audit/views/new/", saved.create, name="view_create"),
    path("audit/views/<int:pk>/", saved.change, name="view_change"),
    path("audit/views/<int:pk>/remove/", saved.remove, name="view_remove"),
    path("audit/<int:pk>/", log.event, name="event"),
]
