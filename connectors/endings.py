"""When a site's credentials end, as far as that can be known, and how long before it is worth a word. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.site import SiteSettings

_WARNING, _ALARM = timedelta(days=30), timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """That a site's credentials end soon, or have ended: when, how many days are left, and whether it is urgent."""

    at: datetime
    days: int
    alarm: bool
    says: str


def ends_at(settings: SiteSettings, kept: Mapping[str, str]) -> datetime | None:
    """Return when the credentials end, as far as that is known; `kept`: what the keeper has of this site."""
    known = [settings.credentials_end, *(moment_in(kept, name) for name in ("ends", "refresh_until"))]
    return min((moment for moment in known if moment is not None), default=None)


def ending(settings: SiteSettings, kept: Mapping[str, str], now: datetime) -> Ending | None:
    """Say that the credentials end within thirty days; an alarm within three. None if not, or if it is not known.

    A refresh token's own end moves on with every renewal, so it is worth a word only when renewals have stopped.
    """
    firm = ends_at(settings, {"ends": kept["ends"]} if "ends" in kept else {})
    rolling = moment_in(kept, "refresh_until")
    if rolling is not None and rolling - now <= _ALARM and (firm is None or rolling < firm):
        firm = rolling
    if firm is None or firm - now > _WARNING:
        return None
    days = (firm - now).days
    if firm <= now:
        says = f"the credentials ended on {firm:%Y-%m-%d}; nothing can be read or written there until they are renewed"
    else:
        says = f"the credentials end on {firm:%Y-%m-%d}; after that nothing can be read or written there: renew them"
    return Ending(at=firm, days=days, alarm=firm - now <= _ALARM, says=says)


def moment_in(kept: Mapping[str, str], name: str) -> datetime | None:
    """Return a moment that was kept under a name; None if there is none."""
    try:
        moment = datetime.fromisoformat(kept[name])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
