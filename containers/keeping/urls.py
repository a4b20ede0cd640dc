from django.urls import URLPattern, URLResolver, path

from containers.keeping.views import data

app_name = "keeping"
urlpatterns: list[URLPattern | URLResolver] = [
    path("services/<slug:slug>/<slug:environment>/data/", data.show, name="data"),
    path("services/<slug:slug>/<slug:environment>/data/take/", data.take, name="take"),
    path("services/<slug:slug>/<slug:environment>/data/policy/", data.policy, name="policy"),
    path("snapshots/<int:number>/pin/", data.pin, name="pin"),
    path("snapshots/<int:number>/copy/", data.copy, name="copy"),
    path("snapshots/<int:number>/restore/", data.restore, name="restore"),
    path("snapshots/<int:number>/remove/", data.remove, name="snapshot_remove"),
]
