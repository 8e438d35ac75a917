"""Which issues were changed since a moment: by Jira's search, in pages, the earliest change first. It only asks.

JQL reads dates in the account's own time zone, so the question is relative: `updated >= "-17m"`. It knows minutes only;
the exact time stands in each issue.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.contract import Changed, TryLater
from connectors.jira.line import Line
from connectors.jira.values import issue_id, mapping, moment, plain

PAGE = 100
_MARGIN = timedelta(minutes=1)  # the vendor's clock may be behind ours, and JQL cuts seconds off

UNSEEN = (
    "Issues in projects that our account may not browse, or behind an issue security level, are not found.",
    "Archived and deleted issues are not found: that an issue is gone is told by its webhook only.",
)
UNSEEN_ON_CLOUD = ("Cloud's search learns of a change a moment later; the next search finds what this one missed.",)


class Changes:
    """Searches one site. Safe to use from several threads: it remembers nothing."""

    def __init__(self, line: Line, now: Callable[[], datetime]) -> None:
        self._line, self._now = line, now

    def changed_since(self, since: datetime, before_page: Callable[[], None]) -> Iterator[Changed]:
        """Yield what was changed at or after this moment; an issue that changes meanwhile comes again.

        Such an issue leaves its place in the list, and all behind it move up. So after each page the question is asked
        anew from the last minute that was seen; and where one minute fills several pages, until nothing new comes.
        """
        seen: set[Changed] = set()
        position = since
        while True:
            pages, fresh, more, reached = 0, False, False, position
            for page in self._pages(position, before_page):
                (found, more), pages = page, pages + 1
                for changed in found:
                    if changed.at >= since and changed not in seen:
                        seen.add(changed)
                        fresh = True
                        yield changed
                reached = max(reached, _reached(found, position))
                if _minute(reached) > _minute(position):
                    break
            if pages > 1 and fresh:
                continue
            if not more:
                return
            position = _minute(reached)

    def _pages(self, since: datetime, before_page: Callable[[], None]) -> Iterator[tuple[list[Changed], bool]]:
        """Yield the pages of one question, each with whether there are more."""
        params, start, tokens = self._question(since), 0, set[str]()
        while True:
            before_page()
            answer = self._asked("search/jql" if self._line.cloud else "search", params)
            start += len(answer["issues"])
            token, total = plain(answer.get("nextPageToken")), answer.get("total")
            if self._line.cloud:
                more = bool(token) and answer.get("isLast") is not True
                if more and token in tokens:
                    says = "Jira's search goes round in circles: it names a page that it has shown already"
                    raise TryLater(says, site_wide=False)
                params["nextPageToken"] = token or ""
                tokens.add(token or "")
            else:
                more = bool(answer["issues"]) and isinstance(total, int) and start < total
                params["startAt"] = str(start)
            yield list(self._listed(answer)), more
            if not more:
                return

    def _question(self, since: datetime) -> dict[str, str]:
        minutes = max(1, math.ceil((self._now() - since + _MARGIN).total_seconds() / 60))
        return {
            "jql": f'updated >= "-{minutes}m" ORDER BY updated ASC',
            "maxResults": str(PAGE),
            "fields": "updated",
        }

    def _asked(self, path: str, params: Mapping[str, str]) -> Mapping[str, Any]:
        answer = mapping(self._line.ask(path, params=params))
        if not isinstance(answer.get("issues"), list):
            raise TryLater("expected a list of issues from Jira, got none")
        return answer

    def _listed(self, answer: Mapping[str, Any]) -> Iterator[Changed]:
        for issue in map(mapping, answer["issues"]):
            number, at = issue_id(issue.get("id")), moment(mapping(issue.get("fields")).get("updated"))
            if number and at:
                yield Changed(ref=self._line.ref(number), at=at)


def _reached(found: Sequence[Changed], position: datetime) -> datetime:
    """Return up to when a page tells all: the earliest of its last, for one that has just changed shows a later time.

    Search finds an issue where it stood, and shows it as it is now.
    """
    return min((changed.at for changed in found[-max(2, len(found) // 10) :]), default=position)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
