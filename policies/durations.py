"""A length of time as policies write it: `15m`, `4h`, `2d`, `1h 30m`, `30m clock`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from policies import guesses

_PART = re.compile(r"(\d{1,9})\s*([smhd])")
_DURATION = re.compile(r"(\d{1,9}\s*[smhd]\s*)+(?P<clock>\bclock)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = 3650 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """A length of time. It counts the calendar that applies, or every minute if `clock` is said."""

    length: timedelta
    clock: bool = False
    text: str = ""

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, value: object) -> Duration:
        """Read `15m`, `4h`, `2d`, `1h 30m`, `90s`, `30m clock`. Raises ValueError with a sentence.

        A day is 24 hours of counted time: in a calendar of eight hours, `1d` takes three working days.
        """
        text = str(value).strip()
        found = _DURATION.fullmatch(text)
        if not found:
            raise ValueError(f'"{text[:40]}" is not a duration like 15m, 4h, 2d, "1h 30m" or "30m clock"{_hint(text)}')
        seconds = sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
        if not 1 <= seconds <= _LONGEST:
            raise ValueError(f'"{text}" is out of bounds: a duration is at least 1s and at most 3650d')
        return cls(length=timedelta(seconds=seconds), clock=bool(found["clock"]), text=text)


def _hint(text: str) -> str:
    if text.isdecimal():
        return f"; a unit is missing: did you mean {text[:9]}m or {text[:9]}h?"
    meant = guesses.length(text)
    return f"; did you mean {meant}?" if meant else ""
