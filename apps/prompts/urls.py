"""The paths under /prompt."""

from django.urls import path

from apps.prompts import views

urlpatterns = [
    path("template/save", views.Save.as_view()),
    path("template/get", views.Latest.as_view()),
    path("template/versions", views.Versions.as_view()),
    path("template/version", views.Version.as_view()),
    path("template/list", views.List.as_view()),
]
