"""Django's own configuration, all of it derived from the platform's settings and the capabilities that the process needs."""

from typing import Any
from urllib.parse import urlsplit

from foundation.manifest import load
from foundation.platform_settings import BASE_DIR
from foundation.settings import CHOSEN, HOUSE

SECRET_KEY = CHOSEN.secret_key
SECRET_KEY_FALLBACKS = [*CHOSEN.secret_key_fallbacks]
DEBUG = False
ALLOWED_HOSTS = ["*"]  # URLs are made from PUBLIC_URL, never from a Host header
DATABASES: dict[str, Any] = {}
INSTALLED_APPS = [
    "foundation.apps.Foundation",
    *(f"{capability.__module__}.{capability.__qualname__}" for capability in HOUSE.needed),
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "foundation.middleware.PlatformHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "foundation.urls"
ASGI_APPLICATION = "foundation.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
USE_TZ = True
TIME_ZONE = "UTC"
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = CHOSEN.body_limit_mb * 2**20
SESSION_ENGINE = "foundation.sessions"
SESSION_COOKIE_NAME = "foundation_session"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CHOSEN.secure
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_TRUSTED_ORIGINS = [CHOSEN.origin, "{0.scheme}://{0.netloc}".format(urlsplit(CHOSEN.issuer_url))]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_SCHEMA_CLASS": "foundation.openapi.EndpointSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Generative AI Foundation",
    "DESCRIPTION": "One place to call models, manage prompts, extract, chunk, index and search documents.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVERS": [{"url": CHOSEN.api_url}] if CHOSEN.api_url != CHOSEN.public_url else [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": ["foundation.openapi_hot.add_hot_routes", "foundation.openapi_parts.finish"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": CHOSEN.log_level},
    "loggers": {"django.request": {"level": "ERROR"}},
}
for capability in HOUSE.needed:
    if capability.manifest.django:
        for name, value in load(capability.manifest.django)(CHOSEN).items():
            globals()[name] = [*globals().get(name, []), *value] if isinstance(value, list) else value
