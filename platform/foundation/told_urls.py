"""The paths that the OpenAPI document tells of: those of this process, or of the whole platform where it is the front."""

from django.urls import path

from foundation import health
from foundation.settings import HOUSE
from foundation.urls import capability_urls

urlpatterns = [*capability_urls(HOUSE.told), path("service/health", health.Health.as_view())]
