from django.urls import path, re_path

from xqplatform.notices.views import inbox, preferences, subscriptions

app_name = "notices"
urlpatterns = [
    path("inbox/", inbox.index, name="inbox"),
    path("inbox/badge/", inbox.badge, name="badge"),
    path("inbox/read/", inbox.mark_all, name="read_all"),
    path("inbox/<int:pk>/open/", inbox.open_entry, name="open"),
    path("inbox/<int:pk>/mark/", inbox.mark, name="mark"),
    path("account/notices/", preferences.preferences, name="preferences"),
    path("account/notices/own/", preferences.own_set, name="own_set"),
    re_path(r"^account/notices/own/(?P<verb>test|remove)/$", preferences.own_act, name="own_act"),
    path("settings/notices/", subscriptions.index, name="subscriptions"),
    path("settings/notices/<int:pk>/end/", subscriptions.end, name="unsubscribe"),
]
