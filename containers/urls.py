from django.urls import URLPattern, URLResolver, path, re_path

from containers.terminal.urls import urlpatterns as terminals
from containers.views import (
    charts,
    deploy,
    environments,
    instances,
    monitoring,
    moves,
    persisted,
    readdress,
    releases,
    run,
    services,
    settings,
    slow,
)

app_name = "containers"
S, E = "services/<slug:slug>/", "services/<slug:slug>/<slug:environment>/"
urlpatterns: list[URLPattern | URLResolver] = [
    *terminals,
    path("services/", services.index, name="services"),
    path("services/new/", services.create, name="service_new"),
    path(S, services.show, name="service"),
    path(f"{S}build/", services.build, name="service_build"),
    path(f"{S}change/", services.change, name="service_change"),
    path(f"{S}remove/", services.remove, name="service_remove"),
    path(f"{S}add/", services.add_place, name="place_add"),
    path(E, run.show, name="place"),
    path(f"{E}act/", run.act, name="act"),
    path(f"{E}move/", moves.move, name="move"),
    path(f"{E}scale/", run.scale, name="scale"),
    path(f"{E}remove/", run.remove, name="place_remove"),
    path(f"{E}charts/", charts.place, name="place_charts"),
    path(f"{E}logs/", instances.place_logs, name="logs"),
    path(f"{E}settings/", settings.edit, name="settings"),
    path(f"{E}settings/place/", settings.place_change, name="place_change"),
    path(f"{E}deploy/", deploy.wizard, name="deploy"),
    path(f"{E}deploy/commits/", deploy.commit_list, name="commits"),
    path(f"{E}deploy/fetch/", deploy.fetch, name="fetch"),
    path(f"{E}deploy/discard/", deploy.discard, name="discard"),
    path("hosts/<slug:name>/drain/", moves.drain, name="drain"),
    re_path(r"^hosts/(?P<name>[-a-zA-Z0-9_]+)/drain/(?P<verb>cancel|retry)/$", moves.drain_ask, name="drain_ask"),
    path("releases/", releases.index, name="releases"),
    path("releases/<int:number>/", releases.show, name="release"),
    re_path(
        r"^releases/(?P<number>[0-9]{1,12})/(?P<verb>pause|resume|cancel|rollback)/$", releases.ask, name="release_ask"
    ),
    path("hosts/<slug:name>/persisted/", persisted.index, name="persisted"),
    path("persisted/<int:number>/remove/", persisted.remove, name="persisted_remove"),
    path("instances/<int:number>/", instances.show, name="instance"),
    path("instances/<int:number>/charts/", charts.instance, name="instance_charts"),
    path("instances/<int:number>/slow/", slow.show, name="slow"),
    path("instances/<int:number>/address/", readdress.readdress, name="readdress"),
    path("instances/<int:number>/log/stream/", instances.log_stream, name="log_stream"),
    path("instances/<int:number>/log/", instances.log_text, name="log_text"),
    path("monitoring/", monitoring.show, name="monitoring"),
    path("settings/environments/", environments.index, name="environments"),
    path("settings/environments/new/", environments.edit, name="environment_new"),
    path("settings/environments/<slug:slug>/", environments.edit, name="environment"),
    path("settings/environments/<slug:slug>/remove/", environments.remove, name="environment_remove"),
]
