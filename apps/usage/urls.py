"""The paths under /usage."""

from django.urls import path

from apps.usage import views

urlpatterns = [path("daily", views.Daily.as_view()), path("calls", views.Calls.as_view())]
