from django.urls import URLPattern, path, re_path

from containers.recorder import views

urlpatterns: list[URLPattern] = [
    path("releases/<int:number>/calls/", views.calls, name="release_calls"),
    path("releases/<int:number>/plan/", views.plan, name="release_plan"),
    path("releases/<int:number>/measured/", views.measured, name="release_metrics"),
    path("releases/<int:number>/compare/", views.compare, name="release_compare"),
    re_path(r"^releases/(?P<number>[0-9]{1,12})/record\.(?P<shape>html|json)$", views.file, name="release_file"),
]
