"""What was asked of vendors and what they did not tell: requests by day, and changes compared with what we heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, select, text, update

from adapter.gaps import Day, Gap, Watch, Why
from adapter.records import CallState, Commit
from adapter.store import statements as st
from adapter.store import tables as t
from adapter.store.codec import moment, stamp, unpack_case
from adapter.store.notices import Notices
from connectors.contract import Changed
from policies.model import TicketRef

TOLERANCE = timedelta(seconds=2)
"""How far two clocks of one vendor may be apart: the one in its tickets and the one in its webhooks."""
_ECHO = timedelta(seconds=10)
"""How long after our request the vendor may date our write: the longest answer we wait for, and some."""
_OPENING = frozenset({Why.MISSED, Why.MERGED, Why.STALE})


class Watching(Notices):
    """See `adapter.records.Store` for what each method promises."""

    def watch(self, site: str, now: datetime) -> Watch:
        """Return how far a site was compared; the first time it begins now."""
        row = {"site": site, "since": stamp(now), "watermark": stamp(now), "ask_from": stamp(now)}
        with self.database.write() as connection:
            connection.execute(self._insert(t.watches).values(**row).on_conflict_do_nothing())
            return watch_in(connection.execute(_watched(site)).one())

    def watch_of(self, site: str) -> Watch | None:
        """Return how far a site was compared, if it ever was watched."""
        with self.database.read() as connection:
            row = connection.execute(_watched(site)).one_or_none()
        return watch_in(row) if row is not None else None

    def compare(self, watch: Watch, found: Sequence[Changed], now: datetime) -> Sequence[Gap]:
        """Count changes and keep those that nobody told us; return the new ones. The watch moves in the same commit."""
        with self.database.write() as connection:
            watched = select(t.watches.c.watermark).where(t.watches.c.site == watch.site).with_for_update()
            before = connection.execute(watched).scalar()
            compared, gaps = moment(before) if before is not None else watch.since, list[Gap]()
            compared = compared if compared <= now else watch.watermark  # our clock was ahead
            for gap in _gaps(connection, [item for item in found if item.at >= watch.since]):
                if self._keep_gap(connection, gap, now):
                    gaps.append(gap)
            late = Counter(_day(gap.at) for gap in gaps if gap.at <= compared)  # shown only now: not counted before
            fresh = {(item.ref, item.at) for item in found if item.at > compared}
            changed = Counter(_day(at) for _, at in fresh) + late
            self._count(connection, watch.site, "changed", changed)
            for why in (Why.MISSED, Why.OURS, Why.OUTSIDE):
                self._count(connection, watch.site, why.value, Counter(_day(g.at) for g in gaps if g.why is why))
            moved = replace(watch, watermark=max([compared, watch.watermark]))
            connection.execute(update(t.watches).where(t.watches.c.site == watch.site).values(**_row(moved)))
        return gaps

    def count_calls(self, site: str, calls: int, now: datetime) -> None:
        """Count requests that belong to no commit."""
        with self.database.write() as connection:
            self._count(connection, site, "calls", {_day(now): calls})

    def day(self, site: str, day: date) -> Day:
        """Return what was counted for a site (`vendor/site`) on one day, in UTC."""
        vendor, _, name = site.partition("/")
        begins, ends = (stamp(datetime.combine(day, time(), UTC) + timedelta(days=n)) for n in (0, 1))
        rows, at = t.deliveries.c.row, t.deliveries.c.received_at
        edge = select(rows).where(at < begins).order_by(rows.desc()).limit(1).scalar_subquery()
        ours = and_(t.deliveries.c.vendor == vendor, t.deliveries.c.site == name)
        came = select(func.count()).where(rows > func.coalesce(edge, 0), ours, at >= begins, at < ends)
        counted = select(t.days).where(t.days.c.site == site, t.days.c.day == day.isoformat())
        with self.database.read() as connection:
            deliveries = connection.execute(came).scalar_one()
            row = connection.execute(counted).one_or_none()
        if row is None:
            return Day(day=day, deliveries=deliveries)
        numbers = {name: getattr(row, name) for name in st.COUNTED}
        return Day(day=day, deliveries=deliveries, **numbers)

    def calls_of(self, ref: TicketRef) -> tuple[int, int]:
        """Return how many looks at a ticket were kept, and how many requests they made."""
        counted = select(func.count(), func.coalesce(func.sum(t.looks.c.calls), 0)).where(t.looks.c.ref == str(ref))
        with self.database.read() as connection:
            looks, calls = connection.execute(counted).one()
        return int(looks), int(calls)

    def written(self, site: str, since: datetime) -> int:
        """Return how many calls to a site (`vendor/site`) were carried out since a moment."""
        ours = t.calls.c.ref.startswith(f"{site}/", autoescape=True) & (t.calls.c.attempted_at >= stamp(since))
        counted = select(func.count()).where(ours, t.calls.c.state == CallState.WRITTEN.value)
        with self.database.read() as connection:
            return connection.execute(counted).scalar_one()

    # --- what needs a person ----------------------------------------------------------------------------------
    def stuck(self) -> Sequence[tuple[TicketRef, str]]:
        """Return the tickets that are not looked at any more, or of which a delivery could not be read, and why."""
        given_up = select(t.tickets.c.ref, t.tickets.c.trouble).where(t.tickets.c.trouble.is_not(None))
        with self.database.read() as connection:
            rows = [*connection.execute(given_up), *connection.execute(_DEAD)]
        return sorted((TicketRef.parse(row[0]), row[1]) for row in rows)

    def replay(self, ref: TicketRef | None, now: datetime) -> int:
        """Make such tickets due, their dead letters unread; return how many. None: all of them."""
        with self.database.write() as connection:
            given_up = select(t.tickets.c.ref).where(t.tickets.c.trouble.is_not(None))
            dead = connection.execute(_DEAD.add_columns(t.arrivals.c.delivery)).all()
            names = {*connection.execute(given_up).scalars(), *(row.ref for row in dead)}
            names &= names if ref is None else {str(ref)}
            for row in dead:
                if row.ref in names:
                    letter = t.deliveries.c.row == row.delivery  # first: the purge holds it, too
                    connection.execute(update(t.deliveries).where(letter).values(problem=None))
                    this = (t.arrivals.c.delivery == row.delivery) & (t.arrivals.c.ref == row.ref)
                    connection.execute(update(t.arrivals).where(this).values(read=False))
            mended = update(t.tickets).where(t.tickets.c.ref.in_(names)).values(failures=0, trouble=None)
            connection.execute(mended)
            for name in sorted(names):
                connection.execute(self._inserts.mark, {"ref": name, "due_at": stamp(now), "marks": 1})
        return len(names)

    # --- examinations ---------------------------------------------------------------------------------------
    def keep_examination(self, site: str, now: datetime, body: str) -> None:
        """Keep what an examination of a site (`vendor/site`) found, in place of the one before."""
        row = {"at": stamp(now), "body": body}
        put = self._insert(t.examinations).on_conflict_do_update(index_elements=["site"], set_=row)
        with self.database.write() as connection:
            connection.execute(put, {**row, "site": site})

    def examination(self, site: str) -> tuple[datetime, str] | None:
        """Return when a site was examined last, and what was found."""
        with self.database.read() as connection:
            row = connection.execute(select(t.examinations).where(t.examinations.c.site == site)).one_or_none()
        return (moment(row.at), str(row.body)) if row is not None else None

    # --- within a commit ------------------------------------------------------------------------------------
    def _keep_gaps(self, connection: Connection, commit: Commit) -> None:
        """Keep the gaps that a look has opened, and close those that its fetch has filled."""
        for gap in commit.gaps:
            self._keep_gap(connection, gap, commit.now, due=gap.ref != commit.ref)
        for gap in commit.filled:
            this = (t.gaps.c.ref == str(gap.ref)) & (t.gaps.c.at == stamp(gap.at)) & (t.gaps.c.why == gap.why.value)
            connection.execute(update(t.gaps).where(this).values(open=False))

    def _count_asked(self, connection: Connection, commit: Commit) -> None:
        """Count a commit's requests, for its day and for the look they belong to: its own, or the ticket's last."""
        if not commit.asked:
            return
        if commit.look is None:  # a look of its own was stored with them
            st.ASKED_SINCE.change(connection, {"this_ref": str(commit.ref), "more": commit.asked})
        site = f"{commit.ref.vendor}/{commit.ref.site}"
        self._count(connection, site, "calls", {_day(commit.now): commit.asked})

    def _keep_gap(self, connection: Connection, gap: Gap, now: datetime, *, due: bool = True) -> bool:
        """Keep a gap, each once; if it is to be filled, the ticket is due. False if it is known already."""
        row = {"ref": str(gap.ref), "at": stamp(gap.at), "why": gap.why.value, "found_at": stamp(now)}
        put = self._insert(t.gaps).on_conflict_do_nothing().returning(t.gaps.c.ref)
        if connection.execute(put, {**row, "open": gap.why in _OPENING}).scalar() is None:
            return False
        if due and gap.why in _OPENING:
            connection.execute(self._inserts.mark, {"ref": str(gap.ref), "due_at": stamp(now), "marks": 1})
        return True

    def _count(self, connection: Connection, site: str, what: str, numbers: Mapping[date, int]) -> None:
        for day, number in numbers.items():
            row = {**dict.fromkeys(st.COUNTED, 0), "site": site, "day": day.isoformat(), what: number}
            self._inserts.counted[what].change(connection, row)


_DEAD = (
    select(t.arrivals.c.ref, t.deliveries.c.problem)
    .join(t.deliveries, t.deliveries.c.row == t.arrivals.c.delivery)
    .where(t.deliveries.c.problem.is_not(None), t.deliveries.c.body.is_not(None), t.arrivals.c.read)
)


def open_gaps(connection: Connection, ref: str) -> tuple[Gap, ...]:
    """Return what makes the next look at a ticket fetch it."""
    rows = st.OPEN_GAPS.rows(connection, {"this_ref": ref})
    return tuple(Gap(ref=TicketRef.parse(ref), at=moment(row.at), why=Why(row.why)) for row in rows)


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _watched(site: str) -> Select[Any]:
    return select(t.watches).where(t.watches.c.site == site)


def watch_in(row: Row[Any]) -> Watch:
    """Read a watch's row."""
    return Watch(
        site=row.site,
        since=moment(row.since),
        watermark=moment(row.watermark),
        ask_from=moment(row.ask_from),
        asked_at=moment(row.asked_at) if row.asked_at is not None else None,
        problem=row.problem,
    )


def _row(watch: Watch) -> dict[str, Any]:
    return {
        "since": stamp(watch.since),
        "watermark": stamp(watch.watermark),
        "ask_from": stamp(watch.ask_from),
        "asked_at": stamp(watch.asked_at) if watch.asked_at is not None else None,
        "problem": watch.problem,
    }


def _gaps(connection: Connection, found: Iterable[Changed]) -> list[Gap]:
    """Return the changes of which we have heard nothing, nor anything later of the same ticket."""
    newest = {item.ref: item.at for item in sorted(found, key=lambda item: item.at)}
    refs = [str(ref) for ref in newest]
    tickets = {row.ref: row for row in connection.execute(select(t.tickets).where(t.tickets.c.ref.in_(refs)))}
    told, wrote, unread = _told(connection, refs), _told(connection, refs, "wrote:%"), _unread(connection, refs)
    gaps = []
    for ref, at in newest.items():
        name, row = str(ref), tickets.get(str(ref))
        outside = row is not None and row.outside
        heard = [told.get(name), unread.get(name), row.heard_at if row is not None and outside else None, _as_of(row)]
        latest = max((when for when in heard if when is not None), default=None)
        if latest is not None and moment(latest) >= at - TOLERANCE:
            continue
        ours = name in wrote and moment(wrote[name]) <= at + TOLERANCE and at <= moment(wrote[name]) + _ECHO
        gaps.append(Gap(ref=ref, at=at, why=Why.OUTSIDE if outside else Why.OURS if ours else Why.MISSED))
    return gaps


def _as_of(row: Any) -> float | None:
    if row is None or row.case is None:
        return None
    as_of = unpack_case(row.case).ticket.as_of
    return stamp(as_of) if as_of is not None else None


def _told(connection: Connection, refs: Sequence[str], like: str = "%") -> dict[str, float]:
    """Return the newest moment that each ticket's events tell of."""
    newest = select(t.events.c.ref, func.max(t.events.c.at)).where(t.events.c.ref.in_(refs))
    rows = connection.execute(newest.where(t.events.c.event.like(like)).group_by(t.events.c.ref))
    return {row[0]: row[1] for row in rows}


def _unread(connection: Connection, refs: Sequence[str]) -> dict[str, float]:
    """Return when the newest delivery came that the ticket's next look will read."""
    newest = (
        select(t.arrivals.c.ref, func.max(t.deliveries.c.received_at))
        .join(t.deliveries, t.deliveries.c.row == t.arrivals.c.delivery)
        .where(t.arrivals.c.ref.in_(refs), t.arrivals.c.read == text("false"))
        .group_by(t.arrivals.c.ref)
    )
    return {row[0]: row[1] for row in connection.execute(newest)}
