"""What only a deployment answers over HTTP: nothing, as S3 itself takes uploads and gives downloads by signed URLs."""

from typing import Any, Final

urlpatterns: Final[list[Any]] = []
