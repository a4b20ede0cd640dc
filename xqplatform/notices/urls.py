from django.urls import path

from xqplatform.notices.views import inbox

app_name = "notices"
urlpatterns = [
    path("inbox/", inbox.index, name="inbox"),
    path("inbox/badge/", inbox.badge, name="badge"),
    path("inbox/read/", inbox.mark_all, name="read_all"),
    path("inbox/<int:pk>/open/", inbox.open_entry, name="open"),
    path("inbox/<int:pk>/mark/", inbox.mark, name="mark"),
]
