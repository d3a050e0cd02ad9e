"""What only the embedded platform answers over HTTP: the signed upload and download URLs of its file store."""

from django.urls import path

from foundation.adapters.embedded import transfers

urlpatterns = [path("files/<str:grant>/<str:name>", transfers.transfer)]
