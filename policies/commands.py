"""What a decision asks for: one command to one ticket, with the internal note that explains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from policies.model import JSON, Priority


class Mode(StrEnum):
    """How far Stepladder may go (decision 21): look only, write notes, or act."""

    OBSERVE = "observe"
    NOTE = "note"
    ACT = "act"

    @classmethod
    def least(cls, *modes: Mode | None) -> Mode:
        """The most careful of several modes; one that is not set has no say."""
        ladder = list(cls)
        return min((m for m in modes if m is not None), key=ladder.index, default=cls.ACT)


class Take(StrEnum):
    """Whether the next level owns the ticket from now on, or watches over it (decision 9)."""

    OWNERSHIP = "ownership"
    OVERSIGHT = "oversight"


class Speech(StrEnum):
    """Whose words a span holds. Only OURS is ours to format; QUOTE is a customer's or an agent's."""

    OURS = "ours"
    STRONG = "strong"
    QUOTE = "quote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A run of text. Connectors escape every span for their vendor's markup, whoever wrote it."""

    text: str
    speech: Speech = Speech.OURS


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a note: a label such as `Why`, then spans."""

    spans: tuple[Span, ...]
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """An internal note as lines, without markup. The last line carries the operation id."""

    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """The note as plain text, for logs, tests and the terminal."""
        return "\n".join(
            (f"{line.label}: " if line.label else "") + "".join(span.text for span in line.spans) for line in self.lines
        )


Target = Mapping[str, JSON]
"""Where a level lives at a vendor, in the vendor's words: `{"group": "Billing"}`, `{"assignee": "…"}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody to tell: an e-mail address, or whoever is on call, `otherwise` an address if nobody is."""

    address: str | None = None
    on_call: str | None = None
    otherwise: str | None = None

    def __str__(self) -> str:
        return self.address or f"{self.on_call} (on call)"


class Occasion(StrEnum):
    """Why people are told something."""

    ESCALATED = "escalated"
    CAME_DOWN = "came_down"
    RULE = "rule"  # a rule that only tells
    NOT_TAKEN = "not_taken"  # a reminder
    REVIEW = "review"
    CONFIRMATION = "confirmation"  # a move waits for somebody to agree
    BUDGET = "budget"  # a level gets more than its budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message to people, outside the ticket (decision 20). `operation` makes it safe to send twice.

    `rule`: by which rule or level; a pause of the rule stops it. `subject` is one line; `note` holds the issue, the
    level and the expected resolution time, and no markup.
    """

    operation: str
    occasion: Occasion
    rule: str
    to: tuple[Recipient, ...]
    subject: str
    note: Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Bring the ticket to a level.

    `operation` is the same for the same decision, however often it is computed; with it a write can be recognised
    at the vendor. `priority` is the value to set (None: leave it). `mode` NOTE means: write the note only.
    `fallbacks` are targets to try in order where the one before is refused. `turn` counts the moves to this level: the
    turn of a pool's members. `restore`, coming down: ticket fields and the values they had before (ids; None: nobody),
    instead of a target. `note` is None where the policy wants none written, because people outside would read it.
    """

    operation: str
    level: int
    level_before: int
    level_name: str
    take: Take
    target: Target
    priority: Priority | None
    note: Note | None
    mode: Mode = Mode.ACT
    fallbacks: tuple[Target, ...] = ()
    turn: int = 0
    restore: Mapping[str, str | None] = field(default_factory=dict)
