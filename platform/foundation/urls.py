"""HTTP through Django: each served capability under its prefixes, and what every process answers."""

from collections.abc import Iterable
from importlib import import_module

from django.urls import URLPattern, URLResolver, include, path

from foundation import health, metrics, openapi
from foundation.manifest import Capability
from foundation.settings import CHOSEN, HOUSE


def capability_urls(some: Iterable[type[Capability]]) -> list[URLResolver | URLPattern]:
    """Health and meta of each service name, then the capability's own urls.py: under each prefix, or once as it is."""
    mounted: list[URLResolver | URLPattern] = []
    for capability in some:
        for service in capability.manifest.services:
            mounted += [
                path(f"{service}/service/health", health.Health.as_view()),
                path(f"{service}/service/meta", openapi.meta(service)),
            ]
        places = [""] if capability.manifest.whole_paths else [f"{prefix}/" for prefix in capability.manifest.prefixes]
        mounted += [path(place, include(f"{capability.name}.urls")) for place in places]
    return mounted


urlpatterns = [
    *import_module(f"foundation.adapters.{CHOSEN.platform}.urls").urlpatterns,
    *capability_urls(HOUSE.served),
    path("service/health", health.Health.as_view()),
    path("metrics", metrics.metrics),
    path("openapi.json", openapi.document),
    path("docs", openapi.pages),
]
handler404 = "foundation.middleware.not_found"
handler500 = "foundation.middleware.server_error"
