"""Whether a number or a token is what it looks like: checksums, ranges and lengths, each as its issuer defines it."""

import base64
import binascii
import re
import zlib
from collections import Counter
from typing import Final

import msgspec

# Lengths of the IBAN registry (ISO 13616), by country.
IBAN_LENGTHS: Final = {
    country: int(length)
    for country, length in re.findall(
        "([A-Z]{2})([0-9]{2})",
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 "
        "FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 "
        "LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 "
        "RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30",
    )
}
# Numbers of cards by their issuers' ranges and lengths (ISO/IEC 7812): Visa, Mastercard, American Express, Diners, JCB,
# Discover, UnionPay and Maestro.
CARD: Final = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
    r"|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}|35(?:2[89]|[3-8][0-9])[0-9]{12}|6[0-9]{12,18}|5[06-9][0-9]{11,17}"
)
# The beginnings of country codes outside North America (ITU-T E.164): 28, 83 and 89 are nobody's.
COUNTRY_CODE: Final = re.compile("7|2[0-79]|[34569][0-9]|8[0-24-8]")
NORTH_AMERICAN: Final = re.compile("1[2-9][0-9]{2}[2-9][0-9]{6}")
BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def is_card(digits: str) -> bool:
    """Whether it is the number of a payment card: an issuer's range and length, and the digit of Luhn (ISO/IEC 7812-1)."""
    if not CARD.fullmatch(digits) or len(set(digits)) == 1:
        return False
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (doubled + sum(map(int, digits[-1::-2]))) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether it is an IBAN: its country's length, and 1 modulo 97 (ISO 7064)."""
    if IBAN_LENGTHS.get(text[:2]) != len(text):
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1


def is_ahv(digits: str) -> bool:
    """Whether it is a Swiss social security number: 756, and the check digit of an EAN-13."""
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return len(digits) == 13 and digits.startswith("756") and weighted % 10 == 0


def is_german_tax_id(digits: str) -> bool:
    """Whether it is a German tax number (§ 139b AO): of its first ten digits one comes twice or three times and no other
    more than once, and the eleventh is their check digit (ISO 7064, MOD 11,10)."""
    if len(digits) != 11 or digits[0] == "0":
        return False
    repeated = [count for count in Counter(digits[:10]).values() if count > 1]
    if len(repeated) != 1 or repeated[0] > 3:
        return False
    product = 10
    for digit in digits[:10]:
        product = 2 * ((int(digit) + product) % 10 or 10) % 11
    return (11 - product) % 10 == int(digits[10])


def is_phone(digits: str) -> bool:
    """Whether digits after a plus are a telephone number: 8 to 15, a country that there is, a North American plan."""
    if not 8 <= len(digits) <= 15:
        return False
    if digits[0] == "1":
        return NORTH_AMERICAN.fullmatch(digits) is not None
    return COUNTRY_CODE.match(digits) is not None


def is_aws_key_id(text: str) -> bool:
    """Whether it is an id of an AWS access key: the account in its base32 part has twelve digits; the oldest keys, whose
    fifth letter is I or J, name none."""
    if text[4] in "IJ":
        return True
    account = int.from_bytes(base64.b32decode(text[4:])[:6], "big") >> 7 & 0xFFFFFFFFFF
    return account < 10**12


def is_aws_secret(text: str, before: str) -> bool:
    """Whether 40 characters are the secret of an AWS key: capitals, small letters and digits, and what stands before them
    speaks of a secret or has the id of a key."""
    mixed = any(map(str.isupper, text)) and any(map(str.islower, text)) and any(map(str.isdigit, text))
    return mixed and ("secret" in before.lower() or "AKIA" in before or "ASIA" in before)


def is_github_token(text: str) -> bool:
    """Whether the last six characters of a GitHub token are the CRC-32 of the thirty before them, in base 62."""
    number, said = zlib.crc32(text[-36:-6].encode()), ""
    while number:
        number, digit = divmod(number, 62)
        said = BASE62[digit] + said
    return said.rjust(6, "0") == text[-6:]


def is_jwt(text: str) -> bool:
    """Whether three parts are a signed token: a header that names an algorithm, and claims (RFC 7519)."""
    try:
        header, claims = (
            msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in text.split(".")[:2]
        )
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error):
        return False
    return isinstance(header, dict) and isinstance(header.get("alg"), str) and isinstance(claims, dict)
