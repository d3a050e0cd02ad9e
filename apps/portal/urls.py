"""The paths of the portal: its pages, and the JSON of the contract."""

from django.urls import include, path
from django.views.generic import RedirectView

from apps.portal import by_cookie, calls, contract, key_views, model_views, policy_views, relay, session, views

pages = [
    path("", views.Dashboard.as_view(), name="portal-dashboard"),
    path("sign-in", session.SignIn.as_view(), name="portal-sign-in"),
    path("sign-out", session.SignOut.as_view(), name="portal-sign-out"),
    path("oidc/callback/", session.Callback.as_view(), name="portal-callback"),
    path("applications", views.Applications.as_view(), name="portal-applications"),
    path("applications/new", views.NewApplication.as_view(), name="portal-new-application"),
    path("applications/<str:application>", views.OneApplication.as_view(), name="portal-application"),
    path("applications/<str:application>/deactivate", views.Deactivate.as_view(), name="portal-deactivate"),
    path("applications/<str:application>/activate", views.Activate.as_view(), name="portal-activate"),
    path("applications/<str:application>/rotate", views.Rotate.as_view(), name="portal-rotate"),
    path("applications/<str:application>/revoke-old", views.RevokeOld.as_view(), name="portal-revoke-old"),
    path("applications/<str:application>/keys", key_views.Keys.as_view(), name="portal-keys"),
    path("applications/<str:application>/keys/new", key_views.NewKey.as_view(), name="portal-new-key"),
    path("applications/<str:application>/keys/<str:key>/rotate", key_views.RotateKey.as_view(), name="portal-rotate-key"),
    path("applications/<str:application>/keys/<str:key>/revoke", key_views.RevokeKey.as_view(), name="portal-revoke-key"),
    path("applications/<str:application>/limits", policy_views.Limits.as_view(), name="portal-limits"),
    path("applications/<str:application>/limits/models", policy_views.AllowList.as_view(), name="portal-allow"),
    path("applications/<str:application>/handling", policy_views.Handling.as_view(), name="portal-handling"),
    path("models", model_views.Models.as_view(), name="portal-models"),
    path("models/new", model_views.NewModel.as_view(), name="portal-new-model"),
    path("models/one", model_views.OneModel.as_view(), name="portal-model"),
    path("models/switch", model_views.Switch.as_view(), name="portal-model-switch"),
    path("models/test", model_views.Test.as_view(), name="portal-model-test"),
    path("models/deploy", model_views.Deploy.as_view(), name="portal-model-deploy"),
    path("models/undeploy", model_views.Undeploy.as_view(), name="portal-model-undeploy"),
    path("models/remove", model_views.Remove.as_view(), name="portal-model-remove"),
    path("health", views.Health.as_view(), name="portal-health"),
    path("metrics", views.Metrics.as_view(), name="portal-metrics"),
    path("calls", calls.Calls.as_view(), name="portal-calls"),
    path("calls/download", calls.DownloadCalls.as_view(), name="portal-calls-download"),
    path("calls/<str:application>/<str:invocation>", calls.OneCall.as_view(), name="portal-call"),
    path("metrics/download/<str:table>", views.Download.as_view(), name="portal-download"),
]
json = [
    path("set_cookie", by_cookie.SetCookie.as_view()),
    path("unset_cookie", by_cookie.UnsetCookie.as_view()),
    path("auth/status", by_cookie.AuthStatus.as_view()),
    path("docs", contract.docs),
    path("platform/openapi.json", contract.Document.as_view()),
    path("platform/services/health", contract.ServicesHealth.as_view()),
    path("platform/create_app_client", contract.CreateClient.as_view()),
    path("platform/deactivate_app_client", contract.DeactivateClient.as_view()),
    path("platform/activate_app_client", contract.ActivateClient.as_view()),
    path("platform/get_all_app_clients", contract.AllClients.as_view()),
    path("metrics/invocations", contract.InvocationMetrics.as_view()),
    path("metrics/extraction-jobs", contract.JobMetrics.as_view(job_kind="extraction")),
    path("metrics/chunking-jobs", contract.JobMetrics.as_view(job_kind="chunking")),
    path("metrics/vectorization-jobs", contract.JobMetrics.as_view(job_kind="vectorization")),
    path("metrics/vector-stores", contract.VectorStores.as_view()),
    path("metrics/vector-indexes", contract.VectorIndexes.as_view()),
    *(path(f"{service}/<path:rest>", contract.Relay.as_view(service=service)) for service in relay.SERVICES),
]
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="portal-dashboard")),
    path("admin", RedirectView.as_view(pattern_name="portal-dashboard")),
    path("admin/", include([*pages, *json, path("<path:rest>", contract.missing)])),
]
