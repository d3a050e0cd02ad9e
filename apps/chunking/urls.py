"""The paths under /document/chunking."""

from django.urls import path

from apps.chunking import views

urlpatterns = [
    path("create_job", views.CreateJob.as_view()),
    path("job_status/<str:job_id>", views.JobStatus.as_view()),
    path("job_files/<str:job_id>", views.JobFiles.as_view()),
    path("chunk_file_url", views.ChunkFileUrl.as_view()),
    path("list_jobs", views.ListJobs.as_view()),
]
