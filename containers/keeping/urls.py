from django.urls import URLPattern, URLResolver, path

from containers.keeping.views import backups, data, left, protection, targets

app_name = "keeping"
urlpatterns: list[URLPattern | URLResolver] = [
    path("services/<slug:slug>/<slug:environment>/data/", data.show, name="data"),
    path("services/<slug:slug>/<slug:environment>/data/take/", data.take, name="take"),
    path("services/<slug:slug>/<slug:environment>/data/policy/", data.policy, name="policy"),
    path("services/<slug:slug>/<slug:environment>/data/cancel/", data.cancel, name="cancel"),
    path("protection/", protection.show, name="protection"),
    path("left-data/", left.show, name="left"),
    path("left-data/<int:number>/back/", left.bring_back, name="left_back"),
    path("left-data/<int:number>/remove/", left.remove, name="left_remove"),
    path("snapshots/<int:number>/pin/", data.pin, name="pin"),
    path("snapshots/<int:number>/copy/", data.copy, name="copy"),
    path("snapshots/<int:number>/restore/", data.restore, name="restore"),
    path("snapshots/<int:number>/remove/", data.remove, name="snapshot_remove"),
    path("services/<slug:slug>/<slug:environment>/data/backups/", backups.show, name="backups"),
    path("services/<slug:slug>/<slug:environment>/data/backups/take/", backups.take, name="backup_take"),
    path("services/<slug:slug>/<slug:environment>/data/backups/rules/", backups.rules, name="backup_rules"),
    path("backups/<int:number>/pin/", backups.pin, name="backup_pin"),
    path("backups/<int:number>/drill/", backups.drill, name="drill"),
    path("backups/<int:number>/restore/", backups.restore, name="backup_restore"),
    path("backups/<int:number>/remove/", backups.remove, name="backup_remove"),
    path("settings/stores/", targets.targets, name="targets"),
    path("settings/stores/<slug:name>/", targets.target, name="target"),
    path("settings/stores/<slug:name>/check/", targets.check, name="target_check"),
    path("settings/stores/<slug:name>/remove/", targets.remove, name="target_remove"),
]
