"""The paths under /model that Django answers; the hot ones are in gateway.py."""

from django.urls import path

from apps.invocation import views

urlpatterns = [
    path("list_models", views.ListModels.as_view()),
    path("async_output/<str:invocation_id>", views.AsyncOutput.as_view()),
]
