"""Goes round and says aloud what is wrong: in the log, by mail, and by a heartbeat that stops. It mends nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http.client import HTTPException
from urllib.parse import urlsplit

from adapter.journal import Journal
from adapter.mail import Letter, Postbox
from adapter.reaching import get
from adapter.records import Unusable
from adapter.vigilance import Audit
from adapter.vitals import Gauges
from adapter.worries import Worries, Worry
from connectors.contract import TryLater

PATIENCE = 5.0
"""Seconds that a heartbeat's address may take."""
_SELDOM = timedelta(hours=1)
"""How often people are written to about the same alarm when it comes and goes."""
_Key = tuple[str, str]


@dataclass(slots=True, kw_only=True)
class _Alarm:
    """A worry that is on: since when, when it was told last, and whether people were written to."""

    worry: Worry
    since: datetime
    told_at: datetime
    written: bool = False


class Auditor:
    """`run` is made for an errand."""

    def __init__(
        self,
        worries: Worries,
        store: Gauges,
        journal: Journal,
        postbox: Postbox | None,
        settings: Audit,
        clock: Callable[[], datetime],
    ) -> None:
        self._worries = worries
        self._store = store
        self._journal = journal
        self._postbox = postbox
        self._settings = settings
        self._clock = clock
        self._on: dict[_Key, _Alarm] = {}
        self._written: dict[_Key, datetime] = {}
        self._letter: Letter | None = None
        self._lines: list[str] = []
        self._went_at: datetime | None = None
        self._unheard = False

    def run(self) -> datetime:
        """Go round once; return when to go again."""
        now = self._clock()
        every = timedelta(minutes=self._settings.every)
        found = {(worry.name, worry.about): worry for worry in self._found(now)}
        for key, worry in found.items():
            self._sound(key, worry, now)
        for key in [key for key in self._on if key not in found]:
            self._over(key, now)
        self._went_at = now
        self._write(now)
        if not self._on and self._settings.heartbeat is not None:
            self._beat(self._settings.heartbeat)
        return now + every

    def alarms(self) -> Sequence[_Key]:
        """Return which alarms are on, by name and site; none if another process goes round now."""
        lately = timedelta(minutes=self._settings.every) * 3
        went = self._went_at
        return [] if went is None or self._clock() - went > lately else list(self._on)

    def _found(self, now: datetime) -> list[Worry]:
        try:
            self._store.pulse("audit", now)
            return list(self._worries.found(now))
        except Unusable as error:
            return [Worry(name="database", says=str(error), todo="until it can be used, deliveries are answered 503")]

    def _sound(self, key: _Key, worry: Worry, now: datetime) -> None:
        alarm = self._on.get(key)
        if alarm is not None and now - alarm.told_at < timedelta(minutes=self._settings.again):
            alarm.worry = worry
            return
        since = alarm.since if alarm is not None else now
        last = self._written.get(key)
        writes = alarm is not None or last is None or now - last >= _SELDOM
        self._on[key] = _Alarm(worry=worry, since=since, told_at=now, written=writes)
        told = {"alarm": worry.name, "site": worry.about, "reason": worry.says, "todo": worry.todo, "since": since}
        self._journal.tell("audit.alarm", **told)
        if writes:
            self._written[key] = now
            self._lines.append(f"{worry.says}.\n  What to do: {worry.todo}\n  Since: {since:%Y-%m-%d %H:%M} UTC")

    def _over(self, key: _Key, now: datetime) -> None:
        alarm = self._on.pop(key)
        minutes = round((now - alarm.since).total_seconds() / 60, 1)
        self._journal.tell("audit.over", alarm=alarm.worry.name, site=alarm.worry.about, minutes=minutes)
        if alarm.written:
            self._lines.append(f"Over, after {minutes:g} minutes: {alarm.worry.says}.")

    # --- telling people -----------------------------------------------------------------------------------------
    def _write(self, now: datetime) -> None:
        """Write to people what has begun and what is over; what cannot be sent now is tried at the next round."""
        if self._postbox is None or not self._settings.tell:
            self._lines.clear()
            return
        if self._letter is None and self._lines:
            self._letter = _letter(self._lines, list(self._on), self._settings.tell, now)
            self._lines = []
        if self._letter is not None:
            self._letter = self._left(self._postbox, self._letter, now)

    def _left(self, postbox: Postbox, letter: Letter, now: datetime) -> Letter | None:
        """Send a letter; return what is left of it for the next round."""
        try:
            refused = postbox.send(letter)
        except TryLater as later:
            self._journal.tell("audit.later", reason=str(later))
            return None if later.sent else letter  # it has it, and did not say that it takes it: once is enough
        patient = now - letter.at < _SELDOM
        for address, why in refused.items():
            event = "audit.later" if why.later and patient else "audit.refused"
            self._journal.tell(event, to=address, reason=why.reason)
        again = [address for address, why in refused.items() if why.later and patient]
        return replace(letter, to=again) if again else None

    def _beat(self, address: str) -> None:
        """Tell whoever waits for it that all is well; tell the log once that they cannot be told."""
        try:
            status, _ = get(urlsplit(address), {}, PATIENCE, 0)
            wrong = "" if 200 <= status < 300 else f"it answered {status}"
        except (OSError, HTTPException, ValueError) as error:  # its words may quote the address, which is a secret
            wrong = type(error).__name__
        if wrong and not self._unheard:
            self._journal.tell("heartbeat.later", reason=f"the heartbeat's address was not reached: {wrong}")
        self._unheard = bool(wrong)


def _letter(lines: Sequence[str], on: Sequence[_Key], to: Sequence[str], now: datetime) -> Letter:
    names = ", ".join(sorted({name for name, _ in on}))
    subject = f"Stepladder needs somebody: {names}" if names else "Stepladder is well again"
    text = "\n\n".join(lines) + "\n\nThe log has the same under audit.alarm and audit.over.\n"
    return Letter(id=f"audit-{now:%Y%m%dT%H%M%S%f}", to=to, subject=subject, text=text, at=now)
