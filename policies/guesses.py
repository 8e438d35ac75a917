"""What somebody probably meant who wrote something else: a time, a date, a comparison, a zone, a country."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

_NUMBER_AND_UNIT = re.compile(r"(\d{1,9})(?:[.,](\d{1,3}))?\s*([a-z]+)")
_UNITS = {
    1: ("s", "sec", "secs", "second", "seconds", "sek", "sekunde", "sekunden"),
    60: ("m", "min", "mins", "minute", "minutes", "minuten"),
    3600: ("h", "hr", "hrs", "hour", "hours", "std", "stunde", "stunden"),
    86_400: ("d", "day", "days", "tag", "tage", "tagen"),
    604_800: ("w", "week", "weeks", "wk", "woche", "wochen"),
}
_SECONDS = {word: seconds for seconds, words in _UNITS.items() for word in words}
_COMPARISON = re.compile(r"\s*(>=|=>|≥|<=|=<|≤|>|<)\s*(\w{1,40})")
_ORDERS = {">": "more_than", "<": "less_than"}
_TRUTH = {
    "true": ("yes", "y", "on", "ja", "oui", "si", "sí", "wahr"),
    "false": ("no", "n", "off", "nein", "non", "falsch"),
}
_CLOSE = 0.75
"""How much two spellings have in common if one may be meant for the other; `Munich` is no way to write `Zurich`."""


def length(said: str) -> str:
    """Return how a policy writes a length of time: `1h 30m` for `1,5 hours`; empty if that cannot be told."""
    words = said[:80].casefold().split()
    plain = [word for word in words if not _means_clock(word)]
    seconds = _seconds(" ".join(plain))
    if seconds is None:
        return ""
    parts, left = [], seconds
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, left = divmod(left, size)
        parts += [f"{count}{unit}"] if count else []
    return " ".join(parts + ["clock"] * (len(plain) < len(words)))


def _means_clock(word: str) -> bool:
    return word[:1] == "c" and difflib.SequenceMatcher(None, word, "clock").ratio() >= _CLOSE


def _seconds(said: str) -> int | None:
    if clock := re.fullmatch(r"(\d{1,3}):([0-5]\d)", said):
        return (int(clock[1]) * 60 + int(clock[2])) * 60 or None
    if not re.fullmatch(rf"(?:{_NUMBER_AND_UNIT.pattern}\s*)+", said):
        return None
    found = 0.0
    for whole, part, unit in _NUMBER_AND_UNIT.findall(said):
        if unit not in _SECONDS:
            return None
        found += float(f"{whole}.{part or 0}") * _SECONDS[unit]
    return round(found) or None


def comparison(said: str) -> str:
    """Return how a policy writes `>2` or `>= high`: `{more_than: 2}`, `{at_least: high}`."""
    found = _COMPARISON.match(said)
    if found is None:
        return ""
    sign = found[1]
    strict = {">": "at_least", "<": "at_most", "≥": "at_least", "≤": "at_most"}
    order = _ORDERS.get(sign) or strict[sign.strip("=")]
    return f"{{{order}: {found[2]}}}"


def truth(said: object) -> str:
    """Return `true` or `false` for a word that says so in another way."""
    return next((value for value, words in _TRUTH.items() if str(said).casefold() in words), "")


def day(said: str) -> str:
    """Return 2027-11-30 for 30.11.2027; nothing where a slash leaves open which number is the month."""
    if found := re.fullmatch(r"(\d\d?)\.(\d\d?)\.(\d{4})", said):
        return f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}"
    found = re.fullmatch(r"(\d{4})[./](\d\d?)[./](\d\d?)", said)
    return f"{found[1]}-{found[2]:0>2}-{found[3]:0>2}" if found else ""


def zone(said: str, zones: Collection[str]) -> str:
    """Return the time zone of that city, or one of the same continent that is spelled nearly so."""
    wanted = said[:60].casefold().replace(" ", "_")
    continent, slash, city = wanted.rpartition("/")
    same = [zone for zone in zones if zone.casefold() == wanted]
    there = [zone for zone in zones if zone.casefold().rpartition("/")[2] == city]
    if same or len(there) == 1:
        return (same or there)[0]
    near = {zone.casefold().rpartition("/")[2]: zone for zone in sorted(zones) if zone.casefold().startswith(continent)}
    found = difflib.get_close_matches(city, near, n=1, cutoff=_CLOSE) if slash else []
    return near[found[0]] if found else ""


def country(said: str) -> str:
    """Return the two letters of a country that is called so: DE for `de`, `DEU` and `Germany`."""
    from holidays.registry import COUNTRIES  # here: the import is slow, and a stored policy does without

    wanted = re.sub(r"[\s_-]", "", said).casefold()
    known = (codes for codes in COUNTRIES.values() if wanted in [code.casefold() for code in codes])
    return next((str(codes[1]) for codes in known), "")
