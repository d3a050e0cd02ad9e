"""What people type: the fields of the sign-in page and of the page for a new password."""

from django import forms

LONGEST = 254


class SignInForm(forms.Form):
    """E-mail address and password, as they are typed."""

    email = forms.CharField(max_length=LONGEST)
    password = forms.CharField(max_length=LONGEST, strip=False)


class NewPasswordForm(forms.Form):
    """The new password, twice."""

    password = forms.CharField(max_length=LONGEST, strip=False)
    repeated = forms.CharField(max_length=LONGEST, strip=False)
