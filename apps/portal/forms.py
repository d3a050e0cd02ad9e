"""What administrators type and choose."""

from datetime import date, timedelta

from django import forms

from apps.applications.services import LONGEST_DESCRIPTION, LONGEST_NAME
from foundation.ambient import now

DAYS = 30


class NewApplicationForm(forms.Form):
    """An application to onboard."""

    name = forms.CharField(
        max_length=LONGEST_NAME, error_messages={"required": "Enter a name, for example the team or the product."}
    )
    description = forms.CharField(
        max_length=LONGEST_DESCRIPTION,
        widget=forms.Textarea,
        error_messages={"required": "Say in a line what the application does and who looks after it."},
    )


class PeriodForm(forms.Form):
    """An application and the days that are looked at, both included."""

    application = forms.CharField(max_length=100, required=False)
    start = forms.DateField(required=False, error_messages={"invalid": "Enter the first day as YYYY-MM-DD."})
    end = forms.DateField(required=False, error_messages={"invalid": "Enter the last day as YYYY-MM-DD."})

    def clean_end(self) -> date:
        """The last day: today where none was given."""
        given: date | None = self.cleaned_data.get("end")
        return given or now().date()

    def clean(self) -> dict[str, object]:
        """The first day, 30 days back where none was given, is not after the last."""
        known = self.cleaned_data
        end = known.get("end") or now().date()
        start = known.get("start") or end - timedelta(days=DAYS - 1)
        if start > end:
            self.add_error("start", "The first day must not be after the last day.")
        return {**known, "start": start, "end": end}
