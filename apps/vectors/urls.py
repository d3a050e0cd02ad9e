"""The paths under /vector."""

from django.urls import path

from apps.vectors import views

urlpatterns = [
    path("store/create", views.CreateStore.as_view()),
    path("store/status", views.StoreStatus.as_view()),
    path("store/delete", views.DeleteStore.as_view()),
    path("stores/list", views.Stores.as_view()),
    path("store/index/create", views.CreateIndex.as_view()),
    path("store/index/status", views.IndexStatus.as_view()),
    path("store/index/delete", views.DeleteIndex.as_view()),
    path("store/vectorize", views.Vectorize.as_view()),
    path("store/<str:store_id>/indexes", views.Indexes.as_view()),
    path("job/status/<str:job_id>", views.Job.as_view()),
    path("job/files/<str:job_id>", views.JobFiles.as_view()),
    path("jobs/list", views.Jobs.as_view()),
    path("search", views.Search.as_view()),
]
