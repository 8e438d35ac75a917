"""What must never be quoted: card numbers, passwords, keys. Customers write them; notes do not repeat them."""

from __future__ import annotations

import re

HIDDEN = "•••"

_NUMBER = re.compile(
    r"((?:\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[+-]\d\d:?\d\d)?(?!(?:_|[^\w:]{0,3})\d))"
    r"|\d+(?:[^\w:]{1,3}\d+|_\d+)*"
)
"""A time (ISO 8601) that no more digits follow, which is left alone; or digits, perhaps in groups."""
_GROUP = re.compile(r"\d+")
_CARD = range(13, 20)  # digits of a card number (ISO/IEC 7812)
_QUOTES = "\"'“”„‘’«»`"
_SECRET = re.compile(
    rf"(?i)((?:pass(?:word|wort|wd|phrase|code)|pwd|kennwort|geheimnis|secret|token|credentials?|(?:api|access|private)"
    rf"[ _-]?key|(?<![^\W_])(?:pass|pw|pin|cvv|cvc|tan))s?[{_QUOTES}]?)"
    rf"(\s*(?:\b(?:is|was|ist|war|lautet)\b\s*:?|[:=]+>?)\s*[{_QUOTES}]?)([^\s{_QUOTES}]+)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s+)([a-z0-9._~+/=-]{8,})")
_KEY = re.compile(
    r"\b(?:sk|pk|rk|gh[oprsu]|github_pat|glpat|xox[abeprs]|xapp|AKIA|ASIA|AIza|ATATT|ATCTT|whsec|npm|hf|dop_v1|SG|ya29"
    r"|eyJ)[A-Za-z0-9._=-]{12,}"
)
_PRIVATE = re.compile(r"(?s)-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)")
_LOOSE = re.compile(
    r"(?i)\b(pass ?(?:word|phrase)|passwort|kennwort|mot de passe|pw|pwd|pin|cvv|cvc)(\s*:\s+|\s+)(?=\S*\d)(\S+)"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_IN_ADDRESS = re.compile(r"(\b\w+://[^\s:/@]+:)([^\s@/]+)(?=@)")


def masked(text: str) -> str:
    """Hide card numbers, keys, and what follows words such as `password:`."""
    text = _IN_ADDRESS.sub(lambda m: m[1] + HIDDEN, text)
    text = _SECRET.sub(lambda m: m[1] + m[2] + HIDDEN, text)
    text = _IBAN.sub(HIDDEN, _LOOSE.sub(lambda m: m[1] + m[2] + HIDDEN, text))
    text = _BEARER.sub(lambda m: m[1] + m[2] + HIDDEN, text)
    return _NUMBER.sub(lambda m: m[1] or _without_cards(m[0]), _KEY.sub(HIDDEN, _PRIVATE.sub(HIDDEN, text)))


def _without_cards(number: str) -> str:
    """Hide every card number among groups of digits, however they are grouped; the last four digits may be read."""
    groups = list(_GROUP.finditer(number))
    hidden: set[int] = set()
    for first in range(len(groups)):
        digits = ""
        for last in range(first, len(groups)):
            digits += groups[last][0]
            if len(digits) >= _CARD.stop:
                break
            if len(digits) in _CARD and _luhn(digits):
                hidden.update(range(first, last + 1))
    if not hidden:
        return number
    kept, at = [], 0
    for index, group in enumerate(groups):
        if index in hidden:
            kept.append(number[at : group.start()] if index - 1 not in hidden else "")
            kept.append("" if index + 1 in hidden else f"{HIDDEN}• {_last_four(groups, index)}")
        else:
            kept.append(number[at : group.end()])
        at = group.end()
    return "".join(kept)


def _last_four(groups: list[re.Match[str]], last: int) -> str:
    return "".join(group[0] for group in groups[max(last - 3, 0) : last + 1])[-4:]


def _luhn(digits: str) -> bool:
    doubled = (int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits)))
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0
