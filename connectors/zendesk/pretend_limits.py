"""How often the pretend Zendesk may be asked: the counts in its headers, and refusals once they are enforced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

Headers = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """So many requests within so many seconds."""

    most: int
    seconds: float


ALL = Window(most=700, seconds=60)
UPDATES = Window(most=100, seconds=60)
PER_TICKET = Window(most=30, seconds=600)
EXPORTS = Window(most=10, seconds=60)
SEARCHES = Window(most=100, seconds=60)


class Limits:
    """Counts requests by window. `enforced` makes it refuse; `spelling` is one of the two that Zendesk has used."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, ...], list[float]] = {}
        self.enforced = False
        self.spelling = "2023"
        self.windows: dict[str, Window] = {
            "all": ALL,
            "tickets-update": UPDATES,
            "per-ticket": PER_TICKET,
            "incremental-exports": EXPORTS,
            "search-export": SEARCHES,
        }

    def count(self, keys: Mapping[str, tuple[str, ...]]) -> tuple[Headers, str | None]:
        """Count one request in these windows; return the headers, and the name of a window that it breaks."""
        now = self._clock().timestamp()
        headers: Headers = {}
        broken = None
        for name, about in keys.items():
            window, seen = self.windows[name], self._seen.setdefault((name, *about), [])
            seen[:] = [at for at in seen if now - at < window.seconds]
            if self.enforced and len(seen) >= window.most:
                broken = broken or name
            resets = max(1, round(window.seconds - (now - seen[0]))) if seen else round(window.seconds)
            left = max(0 if self.enforced else 1, window.most - len(seen) - 1)
            headers |= self._header(name, window.most, left, resets)
            if broken == name:
                headers["Retry-After"] = str(resets)
        if broken is None:  # what is refused is not counted
            for name, about in keys.items():
                self._seen[(name, *about)].append(now)
        return headers, broken

    def _header(self, name: str, most: int, left: int, resets: int) -> Headers:
        if name == "all":
            plain = "rate-limit" if self.spelling == "2023" else "ratelimit"
            last = "rate-limit" if self.spelling == "2023" else "ratelimit-limit"
            return {
                "X-Rate-Limit": str(most), "X-Rate-Limit-Remaining": str(left),
                last: str(most), f"{plain}-remaining": str(left), f"{plain}-reset": str(resets),
            }  # fmt: skip
        word = {"per-ticket": "per-ticket-updates"}.get(name, name)
        kind = "zendesk-rate-limit" if self.spelling == "2023" and name != "per-ticket" else "zendesk-ratelimit"
        return {f"{kind}-{word}": f"total={most}; remaining={left}; resets={resets}"}
