"""The part of Jira's query language that the pretend Jira understands, so that a search finds what Jira would find.

Clauses joined by AND, and an order; any other question is refused in Jira's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

_WORD = r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[^\s,()]+'
_CLAUSE = re.compile(
    rf"(?P<field>{_WORD}?)\s*(?P<how>!=|>=|<=|=|>|<|\bnot\s+in\b|\bin\b|\bis\s+not\b|\bis\b)\s*"
    rf"(?P<value>\((?:\s*(?:{_WORD})\s*,?)+\)|{_WORD})",
    re.IGNORECASE,
)
FIELD_AND_HOW = re.compile(rf"({_WORD}?)\s*(!=|>=|<=|=|>|<|\bnot\s+in\b|\bin\b|\bis\s+not\b|\bis\b)", re.IGNORECASE)
"""A field and an operator, wherever they stand in a question."""
_ORDER = re.compile(r"\s*order\s+by\s+(?P<keys>[\w\s,]+)$", re.IGNORECASE)
_AGO = re.compile(r"-(\d+)([wdhm])")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}
_TIMES = ("updated", "created")

Words = Mapping[str, Callable[[Mapping[str, Any]], Any]]


class Misread(ValueError):
    """What Jira would say of a question that it does not understand."""


class Question:
    """A question, read once. `words` says what an issue's value of each field is, as people may write it."""

    def __init__(self, text: str, words: Words, now: datetime) -> None:
        self._words, self._now = words, now
        ordered = _ORDER.search(text)
        self._order = [key.split() for key in ordered["keys"].split(",")] if ordered else []
        clauses = text[: ordered.start()] if ordered else text
        self._clauses = [self._read(part) for part in _and(clauses)]
        unknown = [key[0] for key in self._order if key[0].lower() not in (*words, "id", "key")]
        if unknown:
            raise Misread(f"Field '{unknown[0]}' does not exist or you do not have permission to view it.")

    @property
    def bounded(self) -> bool:
        """Whether it asks for less than everything that is open."""
        return any(field not in ("resolution", "order") for field, _, _ in self._clauses)

    def values(self, field: str) -> list[str]:
        """Return what is asked for of one field."""
        return [value for name, how, listed in self._clauses if name == field and "is" not in how for value in listed]

    def fits(self, issue: Mapping[str, Any]) -> bool:
        """Say whether an issue is an answer."""
        return all(self._holds(issue, *clause) for clause in self._clauses)

    def sort(self, issues: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the issues in the order that is asked for; without one, the newest first."""
        for field, *way in reversed(self._order or [["created", "desc"]]):
            descending = bool(way) and way[0].lower() == "desc"
            issues = sorted(issues, key=partial(_sortable, field.lower()), reverse=descending)
        return issues

    def _read(self, text: str) -> tuple[str, str, list[str]]:
        found = _CLAUSE.fullmatch(text.strip())
        if found is None:
            raise Misread(f"Error in the JQL Query: {text.strip()!r} is not understood.")
        field = _plain(found["field"]).lower()
        field = {"issuekey": "key", "issue": "key"}.get(field, field)
        if field not in self._words:
            raise Misread(f"Field '{field}' does not exist or you do not have permission to view it.")
        listed = [_plain(word) for word in re.findall(_WORD, found["value"])]
        if field in _TIMES:
            self._moment(listed[0])  # a question with a wrong time is refused even if nothing is there to compare
        return field, " ".join(found["how"].lower().split()), listed

    def _holds(self, issue: Mapping[str, Any], field: str, how: str, listed: list[str]) -> bool:
        value = self._words[field](issue)
        if how in ("is", "is not"):
            return (value in (None, [], ())) is (how == "is")
        if field in _TIMES:
            return _compared(how, datetime.fromisoformat(value), self._moment(listed[0]))
        kept = [str(word).casefold() for word in (value if isinstance(value, list | tuple) else (value,)) if word]
        found = any(word.casefold() in kept for word in listed)
        return found is (how in ("=", "in"))

    def _moment(self, text: str) -> datetime:
        if found := _AGO.fullmatch(text):
            return self._now - timedelta(**{_UNITS[found[2]]: int(found[1])})
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        try:  # people's own zone; everybody's is UTC here
            return datetime.fromisoformat(text.replace("/", "-")).replace(tzinfo=UTC)
        except ValueError:
            raise Misread(
                f"Date value '{text}' for field 'updated' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
                "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
            ) from None


def _and(text: str) -> list[str]:
    """Split at AND, but not within quotation marks."""
    parts = re.split(r"""\s+and\s+(?=(?:[^"]*"[^"]*")*[^"]*$)""", text.strip(), flags=re.IGNORECASE)
    return [part for part in parts if part]


def _plain(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if word[:1] in "\"'" else word


def _sortable(name: str, issue: Mapping[str, Any]) -> Any:
    if name in ("key", "id"):
        return int(issue["id"])
    return issue.get("indexed" if name == "updated" and "indexed" in issue else name) or ""  # as search knows it


def _compared(how: str, kept: datetime, asked: datetime) -> bool:
    if how in (">=", ">"):
        return kept >= asked if how == ">=" else kept > asked
    if how in ("<=", "<"):
        return kept <= asked if how == "<=" else kept < asked
    return (kept == asked) is (how == "=")
