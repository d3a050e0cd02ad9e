"""The portal's pages of API keys over HTTP."""

from typing import Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from apps.applications import services as applications
from apps.portal import snippets
from apps.portal.pages import Page, shown
from foundation.apps import ApiKey
from foundation.errors import Invalid

PAGE_SIZE: Final = 25


class KeyForm(forms.Form):
    """An API key to make."""

    name = forms.CharField(
        label="Name",
        help_text="Where the key is used, for example “Staging server”.",
        max_length=applications.LONGEST_NAME,
        error_messages={"required": "Enter a name by which the key is recognised."},
    )
    days = forms.FloatField(
        label="Good for how many days",
        help_text="Empty: until it is revoked.",
        required=False,
        error_messages={"invalid": "Enter a number of days, for example 90."},
    )


class RotateForm(forms.Form):
    """How long a key stays good beside the one in its place."""

    hours = forms.FloatField(
        label="Hours for which the old key stays good",
        help_text="In this time put the new key in its place. 0: the old key ends at once.",
        error_messages={
            "invalid": "Enter a number of hours, for example 24.",
            "required": "Enter a number of hours; 0 ends the old key at once.",
        },
    )


class Keys(Page):
    """/admin/applications/<id>/keys"""

    def get(self, request: HttpRequest, application: str) -> HttpResponse:
        page = applications.keys_of(application, limit=PAGE_SIZE, cursor=request.GET.get("cursor") or None)
        return shown(
            request, "keys", application=applications.find(application), keys=page.items, cursor=page.cursor, whole=True
        )


class NewKey(Page):
    """/admin/applications/<id>/keys/new"""

    def get(self, request: HttpRequest, application: str) -> HttpResponse:
        return shown(request, "new_key", application=applications.find(application), form=KeyForm())

    @sensitive_variables()
    def post(self, request: HttpRequest, application: str) -> HttpResponse:
        form = KeyForm(request.POST)
        if form.is_valid():
            given = form.cleaned_data
            try:
                return key_page(request, *applications.create_key(application, given["name"], given["days"]))
            except Invalid as refused:
                form.add_error("days" if refused.detail.startswith("expires") else "name", refused.detail)
        return shown(request, "new_key", 400, application=applications.find(application), form=form)


@sensitive_variables()
def key_page(request: HttpRequest, key: ApiKey, text: str, *, replaced: ApiKey | None = None) -> HttpResponse:
    """The one page that ever shows a key; nothing keeps it but the browser's window."""
    application = applications.find(key.application)
    connection = applications.connection(application)
    return shown(
        request,
        "key",
        application=application,
        key=key,
        text=text,
        replaced=replaced,
        snippets=snippets.key_snippets(connection, text),
    )


class RotateKey(Page):
    """/admin/applications/<id>/keys/<key>/rotate: asks for how long both are good, then shows the new one."""

    def get(self, request: HttpRequest, application: str, key: str) -> HttpResponse:
        return rotating(request, application, key, RotateForm(initial={"hours": f"{applications.OVERLAP:g}"}))

    @sensitive_variables()
    def post(self, request: HttpRequest, application: str, key: str) -> HttpResponse:
        form = RotateForm(request.POST)
        if form.is_valid():
            try:
                made = applications.rotate_key(application, key, form.cleaned_data["hours"])
                return key_page(request, *made, replaced=applications.key_of(application, key))
            except Invalid as refused:
                form.add_error("hours", refused.detail)
        return rotating(request, application, key, form, 400)


def rotating(request: HttpRequest, application: str, key: str, form: RotateForm, status: int = 200) -> HttpResponse:
    """The page that asks."""
    found = applications.key_of(application, key)
    return shown(request, "rotate_key", status, application=applications.find(application), key=found, form=form)


class RevokeKey(Page):
    """/admin/applications/<id>/keys/<key>/revoke: asks, then does it."""

    def get(self, request: HttpRequest, application: str, key: str) -> HttpResponse:
        found = applications.key_of(application, key)
        return shown(request, "revoke_key", application=applications.find(application), key=found)

    def post(self, request: HttpRequest, application: str, key: str) -> HttpResponse:
        ended = applications.revoke_key(application, key)
        messages.success(request, f"The key {ended.name} is revoked. It is refused within 5 seconds.")
        return HttpResponseRedirect(reverse("portal-application", args=[application]))
