from django.urls import URLPattern, URLResolver, path

from containers.keeping.views import data, left

app_name = "keeping"
urlpatterns: list[URLPattern | URLResolver] = [
    path("services/<slug:slug>/<slug:environment>/data/", data.show, name="data"),
    path("services/<slug:slug>/<slug:environment>/data/take/", data.take, name="take"),
    path("services/<slug:slug>/<slug:environment>/data/policy/", data.policy, name="policy"),
    path("left-data/", left.show, name="left"),
    path("left-data/<int:number>/back/", left.bring_back, name="left_back"),
    path("left-data/<int:number>/remove/", left.remove, name="left_remove"),
    path("snapshots/<int:number>/pin/", data.pin, name="pin"),
    path("snapshots/<int:number>/restore/", data.restore, name="restore"),
    path("snapshots/<int:number>/remove/", data.remove, name="snapshot_remove"),
]
