from django.urls import path

from xqplatform.alerts.views import alerts, channels, rules, silences

app_name = "alerts"
urlpatterns = [
    path("alerts/", alerts.firing, name="firing"),
    path("alerts/badge/", alerts.badge, name="badge"),
    path("alerts/history/", alerts.history, name="history"),
    path("alerts/<int:pk>/", alerts.alert, name="alert"),
    path("alerts/rules/", rules.rules, name="rules"),
    path("alerts/rules/new/", rules.new, name="rule_new"),
    path("alerts/rules/look/", rules.look, name="rule_look"),
    path("alerts/rules/<int:pk>/", rules.rule, name="rule"),
    path("alerts/rules/<int:pk>/edit/", rules.edit, name="rule_edit"),
    path("alerts/rules/<int:pk>/switch/", rules.switch, name="rule_switch"),
    path("alerts/rules/<int:pk>/remove/", rules.remove, name="rule_remove"),
    path("alerts/silences/", silences.silences, name="silences"),
    path("alerts/silences/new/", silences.new, name="silence_new"),
    path("alerts/silences/<int:pk>/end/", silences.end, name="silence_end"),
    path("alerts/channels/", channels.channels, name="channels"),
    path("alerts/channels/new/", channels.new, name="channel_new"),
    path("alerts/channels/<int:pk>/", channels.channel, name="channel"),
    path("alerts/channels/<int:pk>/test/", channels.test, name="channel_test"),
    path("alerts/channels/<int:pk>/remove/", channels.remove, name="channel_remove"),
    path("alerts/deliveries/", channels.deliveries, name="deliveries"),
    path("alerts/deliveries/<int:pk>/", channels.delivery, name="delivery"),
    path("alerts/deliveries/<int:pk>/retry/", channels.retry, name="delivery_retry"),
]
