"""Administrators' passwords: how they are hashed, what a new one must be like, and one-time passwords."""

from typing import Final

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from foundation.ambient import new_secret
from foundation.errors import Invalid

SHORTEST: Final = 12
LONGEST: Final = 200


def one_time() -> str:
    """An unguessable password that is good until its owner chooses another."""
    return new_secret(15)


def hashed(password: str) -> str:
    """The salted scrypt hash of a password."""
    return make_password(password, hasher="scrypt")


def is_right(password: str, kept: str | None) -> bool:
    """Whether `kept` is the hash of `password`; takes as long when there is none."""
    if kept is None:
        hashed(password)
        return False
    return check_password(password, kept)


def check_new(password: str, repeated: str, *, email: str, kept: str) -> None:
    """Invalid, in words for the person who chooses, unless the password may replace the one whose hash is `kept`."""
    if password != repeated:
        raise Invalid("The two passwords are not the same.")
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(f"The new password must have {SHORTEST} to {LONGEST} characters.")
    if password.lower() == email.lower():
        raise Invalid("The new password must not be the e-mail address.")
    try:
        CommonPasswordValidator().validate(password)
    except ValidationError as common:
        raise Invalid("The new password is one of the most common ones. Choose another.") from common
    if is_right(password, kept):
        raise Invalid("The new password must differ from the present one.")
