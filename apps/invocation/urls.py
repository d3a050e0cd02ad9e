"""The paths of models that Django answers; the hot ones are in gateway/."""

from django.urls import path

from apps.invocation import views
from apps.invocation.batches import message_views as message
from apps.invocation.batches import views as batches
from foundation.endpoint import by_method

urlpatterns = [
    path("model/list_models", views.ListModels.as_view()),
    path("v1/models", views.Models.as_view()),
    path("v1/models/<path:name>", views.OneModel.as_view()),
    path("v1/files", by_method(get=batches.ListFiles, post=batches.UploadFile).as_view()),
    path("v1/files/<str:file_id>", by_method(get=batches.OneFile, delete=batches.DeleteFile).as_view()),
    path("v1/files/<str:file_id>/content", batches.FileContent.as_view()),
    path("v1/batches", by_method(get=batches.ListBatches, post=batches.CreateBatch).as_view()),
    path("v1/batches/<str:batch_id>", batches.OneBatch.as_view()),
    path("v1/batches/<str:batch_id>/cancel", batches.CancelBatch.as_view()),
    path("v1/messages/batches", by_method(get=message.ListMessageBatches, post=message.CreateMessageBatch).as_view()),
    path("v1/messages/batches/<str:message_batch_id>", message.OneMessageBatch.as_view()),
    path("v1/messages/batches/<str:message_batch_id>/cancel", message.CancelMessageBatch.as_view()),
    path("v1/messages/batches/<str:message_batch_id>/results", message.MessageBatchResults.as_view()),
    path("v1/messages/<path:rest>", views.NoSuchMessagesPath.as_view()),
    path("v1/<path:rest>", views.NoSuchPath.as_view()),
    path("model/async_output/<str:invocation_id>", views.AsyncOutput.as_view()),
]
