"""The paths under /document/extraction."""

from django.urls import path

from apps.extraction import views

urlpatterns = [
    path("create_job", views.CreateJob.as_view()),
    path("register_file", views.RegisterFile.as_view()),
    path("start_job", views.StartJob.as_view()),
    path("job_status/<str:extraction_job_id>", views.JobStatus.as_view()),
    path("job_files/<str:extraction_job_id>", views.JobFiles.as_view()),
    path("file_status", views.FileStatus.as_view()),
    path("job_results/<str:extraction_job_id>", views.JobResults.as_view()),
    path("list_jobs", views.ListJobs.as_view()),
]
