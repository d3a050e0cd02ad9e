"""The issuer's paths, from the root on: Cognito's names for them."""

from django.urls import path

from apps.issuer import views
from apps.issuer.services import POOLS

urlpatterns = [
    path("oauth2/token", views.token),
    path("oauth2/authorize", views.authorize),
    path("oauth2/userInfo", views.user_info),
    path("login", views.SignIn.as_view()),
    path("login/new-password", views.NewPassword.as_view()),
    path("logout", views.sign_out),
    *(path(f"{pool}/.well-known/openid-configuration", views.discovery, {"pool": pool}) for pool in POOLS),
    *(path(f"{pool}/.well-known/jwks.json", views.keys, {"pool": pool}) for pool in POOLS),
]
