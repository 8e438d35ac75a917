"""Messages to people, after the decision that gives them is stored: each at least once, none while it is paused.

A lane of its own beside the tickets: a mail server that is down delays no write to a vendor, and the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from adapter.brakes import Brake, Resting
from adapter.journal import Journal
from adapter.mail import Letter, NotTaken, Postbox
from adapter.on_call import NotKnown, Schedule, StillAsked
from adapter.records import CallState, Store, StoredNotice
from adapter.settings import Settings
from adapter.sites import Post, Sites, as_configured
from connectors.contract import TryLater
from policies.commands import Mode, Recipient
from policies.policy import Policy

MOST_ATTEMPTS = 50
MOST_UNANSWERED = 3
"""A server that takes a letter and does not say so in time would send it to people again and again."""
_SOONEST, _LATEST = timedelta(seconds=30), timedelta(hours=1)
_NO_MAIL = "there is no [mail] in stepladder.toml, so nobody can be told"


class Messenger:
    """Sends what is due, one message at a time."""

    def __init__(
        self,
        store: Store,
        sites: Sites,
        postbox: Postbox | None,
        schedules: Mapping[str, Schedule],
        journal: Journal,
        clock: Callable[[], datetime],
        mode: Callable[[Post], Mode] = as_configured,
    ) -> None:
        self._store = store
        self._sites = sites
        self._postbox = postbox
        self._schedules = schedules
        self._journal = journal
        self._clock = clock
        self._mode = mode
        self.brake = Brake()

    def deliver(self) -> datetime | None:
        """Send the message that is due longest, if it is not paused; return when to come back."""
        stored = self._store.due_notice(self._clock())
        if stored is None:
            return self._store.next_notice()
        return self._send(stored) or self._clock()

    # --- one message --------------------------------------------------------------------------------------
    def _send(self, stored: StoredNotice) -> datetime | None:
        """Send one message, or say when the mail server can be asked again."""
        now, post = self._clock(), self._sites.of(stored.ref)
        try:
            acts = post is not None and self._mode(post) is Mode.ACT
        except Resting as rests:  # how far its site may go is being found out
            self._store.end_notice(replace(stored, due_at=now + timedelta(seconds=rests.after or 1.0)))
            return None
        if not acts:
            self._end(stored, CallState.WITHDRAWN, "the ticket's site does not act any more")
            return None
        if self._postbox is None:
            self._refused(stored, _NO_MAIL)
            return None
        if (wait := self.brake.wait_until(now)) is not None:
            return wait
        begun = replace(stored, state=CallState.SENDING, attempted_at=now, attempts=stored.attempts + 1)
        if not self._store.begin_notice(begun):
            return None
        try:
            addresses = dict(self._addresses(begun, now))
        except StillAsked as asked:
            self._store.end_notice(replace(stored, due_at=now + timedelta(seconds=asked.seconds)))
            return None
        if not addresses:
            self._conclude(begun, addresses, {}, now)
            return None
        try:
            not_taken = self._postbox.send(_letter(stored, addresses.values()))
        except TryLater as later:
            again = self.brake.failed(later, self._clock())
            if later.sent:
                self._unsure(begun, addresses, str(later))
                return None
            self._later(begun, str(later), again)
            return again
        except Exception as error:  # a bug of ours must not hold up everybody else's messages
            self._journal.trouble("notice.failed", error, **_about(stored))
            not_taken = dict.fromkeys(addresses.values(), NotTaken(reason=type(error).__name__, later=True))
        self.brake.succeeded()
        self._conclude(begun, addresses, not_taken, now)
        return None

    def _addresses(self, stored: StoredNotice, now: datetime) -> Iterator[tuple[str, str]]:
        """Yield the recipients still to be told, with the address that means them now."""
        for recipient in stored.notice.to:
            if str(recipient) not in stored.settled and (address := self._address(stored, recipient, now)) is not None:
                yield str(recipient), address

    def _address(self, stored: StoredNotice, recipient: Recipient, now: datetime) -> str | None:
        if recipient.on_call is None:
            return recipient.address
        schedule = self._schedules.get(recipient.on_call)
        try:
            found, why = (schedule.on_call(now), "nobody is on call") if schedule else (None, "no such [on_call] table")
        except NotKnown as wrong:
            found, why = None, str(wrong)
        except StillAsked:
            raise
        except Exception as error:  # whatever is wrong with a schedule, somebody is told
            found, why = None, f"it could not be found out ({type(error).__name__})"
        if found is None:
            instead = recipient.otherwise
            self._journal.tell("notice.otherwise", **_about(stored), on_call=recipient.on_call, reason=why, to=instead)
            return instead
        return found

    # --- what became of it --------------------------------------------------------------------------------
    def _conclude(
        self, stored: StoredNotice, addresses: Mapping[str, str], not_taken: Mapping[str, NotTaken], now: datetime
    ) -> None:
        """Remember who has been told; who was not, is told later or never."""
        settled, last = dict(stored.settled), stored.attempts >= MOST_ATTEMPTS
        reasons = []
        for recipient in map(str, stored.notice.to):
            if recipient in settled:
                continue
            address = addresses.get(recipient)
            wrong = not_taken.get(address) if address else NotTaken(reason="nobody is on call", later=True)
            if wrong is None:
                settled[recipient] = str(address)
            elif wrong.later and not last:
                reasons.append(f"{address or recipient}: {wrong.reason}")
            else:
                settled[recipient] = f"refused: {wrong.reason}"
                self._journal.tell("notice.refused", **_about(stored), to=address or recipient, reason=wrong.reason)
        stored = replace(stored, settled=settled)
        if reasons:
            self._later(stored, "; ".join(reasons), now + _pause(stored.attempts))
            return
        took = [said for said in settled.values() if not said.startswith("refused: ")]
        if took:
            self._journal.tell("notice.sent", **_about(stored), to=took, attempts=stored.attempts)
        self._end(stored, CallState.WRITTEN if took else CallState.REFUSED, "; ".join(settled.values()))

    def _unsure(self, stored: StoredNotice, addresses: Mapping[str, str], reason: str) -> None:
        """Try again what the server perhaps took, each time later; not for ever, for people may get each of them."""
        stored = replace(stored, unanswered=stored.unanswered + 1)
        if stored.unanswered < MOST_UNANSWERED:
            self._later(stored, reason, self._clock() + _pause(stored.unanswered))
            return
        perhaps = {recipient: f"perhaps: {address}" for recipient, address in addresses.items()}
        self._journal.tell("notice.unsure", **_about(stored), to=list(addresses.values()), reason=reason)
        self._end(replace(stored, settled={**stored.settled, **perhaps}), CallState.WRITTEN, f"perhaps taken: {reason}")

    def _later(self, stored: StoredNotice, reason: str, again: datetime) -> None:
        self._journal.tell("notice.later", **_about(stored), reason=reason, again=again)
        self._store.end_notice(replace(stored, state=CallState.PLANNED, due_at=again, outcome=reason[:500]))

    def _refused(self, stored: StoredNotice, reason: str) -> None:
        self._journal.tell("notice.refused", **_about(stored), reason=reason)
        self._end(stored, CallState.REFUSED, reason)

    def _end(self, stored: StoredNotice, state: CallState, outcome: str) -> None:
        self._store.end_notice(replace(stored, state=state, outcome=outcome[:500]))


def _pause(attempts: int) -> timedelta:
    return min(_LATEST, _SOONEST * float(2 ** min(attempts, 10)))


def _about(stored: StoredNotice) -> dict[str, str]:
    notice = stored.notice
    return {"ticket": str(stored.ref), "notice": notice.operation, "occasion": notice.occasion.value}


def _letter(stored: StoredNotice, addresses: Iterable[str]) -> Letter:
    notice = stored.notice
    to = tuple(dict.fromkeys(addresses))
    return Letter(id=notice.operation, to=to, subject=notice.subject, text=notice.note.text, at=stored.created_at)


def unheard(policy: Policy, settings: Settings) -> tuple[str, ...]:
    """Say whom a policy tells in vain, because the settings do not say how to reach them."""
    told = tuple(dict.fromkeys(recipients(policy)))
    if told and settings.mail is None:
        return (f"the policy tells {told[0]}{' and others' if told[1:] else ''}, but {_NO_MAIL}",)
    named = dict.fromkeys(one.on_call for one in told if one.on_call is not None)
    return tuple(
        f'the policy tells whoever is on call as "{name}", but stepladder.toml has no [on_call."{name}"]; '
        "its `else` is told instead"
        for name in named
        if name not in settings.on_call
    )


def recipients(policy: Policy) -> Iterator[Recipient]:
    """Yield everybody whom a policy tells something, as often as it names them."""
    for level in policy.levels:
        yield from (*level.tell, *(level.out_of_hours.tell if level.out_of_hours else ()))
    for rule in policy.rules:
        yield from rule.tell
    for people in policy.roles.values():
        yield from people.tell
