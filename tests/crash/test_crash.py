"""One short seed of what `make crash` plays at length: killed on a bad day, nothing is lost and nothing doubled."""

from __future__ import annotations

from connectors.sandboxing import Authority
from tests.crash.storm import SHORT, lived

TROUBLES = ("429", "503", "500", "500 but done", "cut_after", "cut_late")


def test_killed_on_a_bad_day_at_two_vendors_nothing_is_lost_and_nothing_doubled() -> None:
    outcome = lived("sqlite", 1, SHORT, Authority())
    assert not outcome.wrong, "\n".join([*outcome.wrong, *outcome.timeline])
    assert outcome.figures["escalations"] >= 10
    assert outcome.figures["kills"] == SHORT.kills
    assert sum(outcome.figures[what] for what in TROUBLES) >= 10
