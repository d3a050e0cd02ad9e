"""Who is signed in, in the form in which Django's sessions want it. There is no table behind it."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models


class Administrator(AbstractBaseUser):
    """An administrator for the time of a request, known by the subject of an ID token."""

    subject: "models.CharField[str, str]" = models.CharField(max_length=200, primary_key=True)
    password = None  # type: ignore[assignment]  # passwords are the issuer's
    last_login = None  # nothing is stored
    is_active = True

    USERNAME_FIELD = "subject"

    class Meta:
        managed = False
