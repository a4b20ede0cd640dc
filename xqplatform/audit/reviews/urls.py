from django.urls import path

from xqplatform.audit.reviews import views

app_name = "reviews"
urlpatterns = [
    path("audit/reviews/", views.index, name="index"),
    path("audit/reviews/mark/", views.mark, name="mark"),
    path("audit/reviews/<int:pk>/reopen/", views.reopen, name="reopen"),
    path("audit/reviews/rules/", views.rule_list, name="rules"),
    path("audit/reviews/rules/<int:pk>/switch/", views.rule_switch, name="rule_switch"),
    path("audit/reviews/rules/<int:pk>/remove/", views.rule_remove, name="rule_remove"),
]
