"""The paths of models that Django answers; the hot ones are in gateway/."""

from django.urls import path

from apps.invocation import views

urlpatterns = [
    path("model/list_models", views.ListModels.as_view()),
    path("v1/models", views.Models.as_view()),
    path("v1/models/<path:name>", views.OneModel.as_view()),
    path("model/async_output/<str:invocation_id>", views.AsyncOutput.as_view()),
]
