from django.urls import path, re_path

from builds.badges.urls import urlpatterns as badges
from builds.forges.urls import urlpatterns as forges
from builds.views import builds, images, imports, registries, waves

app_name = "builds"
urlpatterns = [
    *badges,
    *forges,
    path("builds/", builds.builds, name="builds"),
    path("builds/<int:pk>/", builds.build, name="build"),
    path("builds/<int:pk>/cancel/", builds.cancel, name="cancel"),
    path("builds/<int:pk>/again/", builds.again, name="again"),
    path("builds/<int:pk>/log.txt", builds.raw_log, name="raw_log"),
    path("builds/<int:pk>/log/stream", builds.stream, name="stream"),
    path("images/", images.images, name="images"),
    path("images/<int:pk>/", images.image, name="image"),
    path("images/<int:pk>/discard/", images.discard, name="discard"),
    path("images/imports/", imports.imports, name="imports"),
    path("images/imports/<int:pk>/", imports.one, name="import"),
    path("images/imports/<int:pk>/cancel/", imports.cancel, name="import_cancel"),
    path("images/blueprints/new/", images.edit, name="blueprint_new"),
    path("images/blueprints/<slug:name>/", images.blueprint, name="blueprint"),
    path("images/blueprints/<slug:name>/edit/", images.edit, name="blueprint_edit"),
    path("images/blueprints/<slug:name>/build/", images.build_base, name="blueprint_build"),
    path("images/blueprints/<slug:name>/remove/", images.remove, name="blueprint_remove"),
    path("images/blueprints/<slug:name>/standing/", waves.standing, name="standing"),
    path("images/waves/<int:pk>/", waves.wave, name="wave"),
    re_path(r"^images/waves/(?P<pk>[0-9]{1,12})/(?P<verb>stop|retry)/$", waves.ask, name="wave_ask"),
    path("settings/registries/", registries.registries, name="registries"),
    path("settings/registries/<int:pk>/", registries.registry, name="registry"),
    path("settings/registries/<int:pk>/check/", registries.check, name="registry_check"),
    path("settings/registries/<int:pk>/remove/", registries.remove, name="registry_remove"),
]
