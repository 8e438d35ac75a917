"""Credentials that end soon are told of once a day, loudly in the last three days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from adapter.expiry import Expiry
from adapter.keepsakes import Keepsakes
from connectors.sandboxing import Pocket


def watched(bench: Any, days: int | None, keeper: Any = None) -> list[str]:
    """Let a site's credentials end in so many days; return the events that are told of it."""
    ends = bench.clock().date() + timedelta(days=days) if days is not None else None
    site = bench.post.site
    settings = site.settings.model_copy(update={"token_expires": ends})
    bench.post.site = type(site)(name=site.name, settings=settings)
    again = Expiry(bench.sites, keeper or Pocket(), bench.journal, bench.clock).run()
    assert again == bench.clock() + timedelta(days=1)
    return [event for event, _ in bench.told if event.startswith("credentials.")]


@pytest.mark.parametrize(
    ("days", "events"),
    [(None, []), (90, []), (20, ["credentials.ending"]), (1, ["credentials.alarm"]), (-4, ["credentials.alarm"])],
)
def test_the_nearer_the_end_the_louder(bench: Any, days: int | None, events: list[str]) -> None:
    assert watched(bench, days) == events


def test_a_spoiled_file_of_tokens_is_told_and_what_the_settings_say_still_counts(bench: Any, tmp_path: Any) -> None:
    file = tmp_path / "keepsakes.json"
    file.write_text('{"acme": {"refresh_token": "s3cr3t"')
    assert watched(bench, 1, Keepsakes(file)) == ["credentials.unreadable", "credentials.alarm"]
    (said,) = bench.said("credentials.unreadable")
    assert "stepladder authorize" in str(said["reason"])
    assert "s3cr3t" not in str(said)
