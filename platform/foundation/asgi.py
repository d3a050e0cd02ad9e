"""HTTP comes in here: the hot routes that the manifests name, and Django for everything else."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foundation.configuration")
django = get_asgi_application()

from foundation.absent import absent  # noqa: E402 (Django has to be set up first)

with absent("pygments", "requests", "yaml"):  # 5 MB in each process that serves
    import rest_framework.compat  # noqa: F401

from foundation.hot import Front  # noqa: E402
from foundation.manifest import begin, load  # noqa: E402
from foundation.settings import HOUSE  # noqa: E402

hot = [route for capability in HOUSE.served if capability.manifest.hot for route in load(capability.manifest.hot)]
application = Front(hot, django)
begin(HOUSE)
