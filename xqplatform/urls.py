"""The map of pages. Each app has its own urls; nothing else is listed here."""

from django.urls import include, path

from xqplatform import api

urlpatterns = [
    path("", include("xqplatform.web.urls")),
    path("", include("xqplatform.accounts.urls")),
    path("", include("xqplatform.accounts.signin.urls")),
    path("", include("xqplatform.audit.urls")),
    path("", include("xqplatform.audit.reviews.urls")),
    path("", include("xqplatform.audit.reports.urls")),
    path("", include("xqplatform.secrets.urls")),
    path("", include("xqplatform.live.urls")),
    path("", include("xqplatform.alerts.urls")),
    path("", include("xqplatform.notices.urls")),
    path("", include("xqplatform.metrics.exporting.urls")),
    path("", include("hosts.urls")),
    path("", include("builds.urls")),
    path("", include("containers.urls")),
    path("", include("containers.capacity.urls")),
    path("", include("containers.keeping.urls")),
    path("api/", api.urls),
]
handler404 = "xqplatform.web.views.not_found"
handler403 = "xqplatform.web.views.forbidden"
handler500 = "xqplatform.web.views.broken"
