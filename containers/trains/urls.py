"""Pages of trains, part of the app's own."""

from django.urls import URLPattern, URLResolver, path, re_path

from containers.trains import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("trains/", views.index, name="trains"),
    path("trains/new/", views.edit, name="train_new"),
    path("trains/templates/<int:number>/remove/", views.forget, name="train_template_remove"),
    path("trains/<int:number>/", views.show, name="train"),
    path("trains/<int:number>/change/", views.edit, name="train_change"),
    path("trains/<int:number>/begin/", views.begin, name="train_begin"),
    path("trains/<int:number>/keep/", views.keep, name="train_keep"),
    re_path(r"^trains/(?P<number>[0-9]{1,12})/(?P<verb>pause|continue|abort|rollback)/$", views.ask, name="train_ask"),
]
