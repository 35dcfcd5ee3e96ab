"""Numbers that are told by their own check digits: payment cards and bank accounts."""

from __future__ import annotations

import re

_ISSUERS = (
    # first digits and lengths of payment cards: ISO/IEC 7812 and what the networks publish
    (r"4", (13, 16, 19)),
    (r"5[1-5]|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720", (16,)),
    (r"3[47]", (15,)),
    (r"6011|64[4-9]|65", (16, 19)),
    (r"35(?:2[89]|[3-8]\d)", (16,)),
    (r"3(?:0[0-5]|[68])", (14,)),
    (r"62", (16, 17, 18, 19)),
)
_CARDS = tuple((re.compile(first), lengths) for first, lengths in _ISSUERS)

# of countries with many accounts, as ISO 13616's registry has them
_IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "NL"), 18),
    **dict.fromkeys(("SI",), 19),
    **dict.fromkeys(("AT", "EE", "LT", "LU"), 20),
    **dict.fromkeys(("CH", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "DE", "GB", "IE"), 22),
    **dict.fromkeys(("AE", "IL"), 23),
    **dict.fromkeys(("CZ", "ES", "RO", "SA", "SE", "SK"), 24),
    **dict.fromkeys(("PT",), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("FR", "GR", "IT", "SM"), 27),
    **dict.fromkeys(("CY", "HU", "PL"), 28),
    **dict.fromkeys(("BR",), 29),
    **dict.fromkeys(("UA",), 29),
    **dict.fromkeys(("MT",), 31),
}


def is_card(found: str) -> bool:
    """Return whether digits (and separators) are a payment card's: issuer, length, Luhn's sum.

    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(character) for character in found if character.isdecimal()]
    number = "".join(map(str, digits))
    if not any(first.match(number) and len(digits) in lengths for first, lengths in _CARDS):
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(found: str) -> bool:
    """Return whether this is an account number: the country's length, ISO 7064's sum (MOD 97-10).

    >>> is_iban("DE89 3704 0044 0532 0130 00"), is_iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    bare = "".join(found.split())
    if len(bare) != _IBAN_LENGTHS.get(bare[:2]):
        return False
    return int("".join(str(int(one, 36)) for one in bare[4:] + bare[:4])) % 97 == 1
