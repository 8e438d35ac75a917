"""How fast the pretend Jira lets itself be asked, and how it says so in headers. Nothing is refused unless asked for.

Cloud: a burst per kind of request, writes per issue, points per hour for OAuth apps
(https://developer.atlassian.com/cloud/jira/platform/rate-limiting/). Data Center: a bucket of tokens for each person.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BURSTS = {"GET": 100, "POST": 100, "PUT": 50, "DELETE": 50}
PER_ISSUE = ((2.0, 20), (30.0, 100))
POINTS = 65_000  # an app's, each hour
_NEAR = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One refusal: why, and after how many seconds it is worth another try."""

    reason: str
    after: int


class Limits:
    """What was asked so far, and what that leaves; once `enforced`, too much is refused.

    `points` is the app's quota, `tokens` a Data Center person's.
    """

    def __init__(self, cloud: bool, clock: Callable[[], datetime]) -> None:
        self.points, self.tokens = POINTS, 60
        self._cloud, self._clock = cloud, clock
        self.enforced = False
        self._bursts: defaultdict[str, deque[float]] = defaultdict(deque)
        self._writes: defaultdict[str, deque[float]] = defaultdict(deque)
        self._spent: dict[str, int] = {}

    def judge(self, method: str, who: str, issue: str | None, app: str | None) -> Refusal | None:
        """Count one request, or refuse it."""
        now = self._clock().timestamp()
        refusal = self._refusal(method, who, issue, app, now) if self.enforced else None
        if refusal is None:
            self._bursts[method if self._cloud else who].append(now)
            if issue is not None and method != "GET":
                self._writes[issue].append(now)
            if app is not None:
                hour = self._hour()
                self._spent = {hour: self._spent.get(hour, 0) + (2 if method == "GET" else 1)}
        return refusal

    def _refusal(self, method: str, who: str, issue: str | None, app: str | None, now: float) -> Refusal | None:
        if not self._cloud:
            return Refusal(reason="", after=1) if self._within(self._bursts[who], 1.0, now) >= self.tokens else None
        if app is not None and self._spent.get(self._hour(), 0) >= self.points:
            return Refusal(reason="jira-quota-global-based", after=self._rest_of_hour())
        if issue is not None and method != "GET":
            for span, most in PER_ISSUE:
                if self._within(self._writes[issue], span, now, most) >= most:
                    first = self._writes[issue][-most]
                    return Refusal(reason="jira-per-issue-on-write", after=max(1, math.ceil(first + span - now)))
        if self._within(self._bursts[method], 1.0, now) >= BURSTS.get(method, 100):
            return Refusal(reason="jira-burst-based", after=1)
        return None

    @staticmethod
    def _within(times: deque[float], span: float, now: float, keep: int = 0) -> int:
        while len(times) > max(keep, 100) and times[0] <= now - 30:
            times.popleft()
        return sum(1 for at in times if at > now - span)

    def headers(self, method: str, who: str, app: str | None, refusal: Refusal | None) -> Mapping[str, str]:
        """Return what an answer says about the limits."""
        now = self._clock()
        if not self._cloud:
            return self._center(who, refusal, now) if self.enforced else {}
        most = BURSTS.get(method, 100)
        asked = self._within(self._bursts[method], 1.0, now.timestamp()) if self.enforced else 1
        left = max(0, most - asked)
        told = {"X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": str(0 if refusal else left)}
        told |= {"X-RateLimit-NearLimit": "true"} if left < most * _NEAR else {}
        if app is not None:
            rest = max(0, self.points - self._spent.get(self._hour(), 0))
            told["Beta-RateLimit-Policy"] = f'"global-app-quota";q={self.points};w=3600'
            told["Beta-RateLimit"] = f'"global-app-quota";r={rest};t={self._rest_of_hour()}'
        if refusal is not None:
            until = (now + timedelta(seconds=refusal.after)).astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
            told |= {"Retry-After": str(refusal.after), "RateLimit-Reason": refusal.reason, "X-RateLimit-Reset": until}
        return told

    def _center(self, who: str, refusal: Refusal | None, now: datetime) -> Mapping[str, str]:
        left = max(0, self.tokens - self._within(self._bursts[who], 1.0, now.timestamp()))
        told = {"X-RateLimit-Limit": str(self.tokens), "X-RateLimit-Remaining": str(left)}
        told |= {"X-RateLimit-Interval-Seconds": "1", "X-RateLimit-FillRate": str(self.tokens)}
        return told | {"Retry-After": str(refusal.after if refusal else 0)}

    def _hour(self) -> str:
        return self._clock().strftime("%Y-%m-%dT%H")

    def _rest_of_hour(self) -> int:
        now = self._clock()
        return 3_600 - now.minute * 60 - now.second
