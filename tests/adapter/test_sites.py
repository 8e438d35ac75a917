"""A site as the rooms see it: who we are there is asked once, and not again and again where nobody knows us."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapter.brakes import Resting
from adapter.sites import Post
from connectors import discover
from connectors.contract import TryLater
from connectors.sandboxing import Pocket
from connectors.site import SiteSettings
from policies.commands import Mode

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


class Desk:
    """A way out that counts how often it is asked who we are."""

    def __init__(self, *failures: TryLater) -> None:
        self.failures = list(failures)
        self.questions = 0
        self.named = 0
        self.closed = False

    def account(self) -> str:
        self.questions += 1
        if self.failures:
            raise self.failures.pop(0)
        return "9000"

    def names(self) -> Mapping[str, str]:
        self.named += 1
        return {"group:1": "Support"}

    def settings(self) -> SiteSettings:
        return SiteSettings(vendor="desk", url="https://desk.example", fields={"product": "360"})

    def asked(self) -> int:
        return self.questions

    def close(self) -> None:
        self.closed = True


def post(desk: Any, mode: Mode = Mode.ACT, account: str | None = None) -> Post:
    connector = dataclasses.replace(next(iter(discover().values())), connect=lambda site, *_, **__: desk)
    settings = SiteSettings(vendor="desk", url="https://desk.example", mode=mode, account=account)
    return Post("acme", connector, settings, Pocket())


def refusals(count: int) -> list[TryLater]:
    return [TryLater("401: check the credentials", after=300.0) for _ in range(count)]


def test_who_we_are_is_asked_once() -> None:
    desk = Desk()
    one = post(desk)
    for _ in range(3):
        site = one.view(NOW)
        assert (site.account, site.names) == ("9000", {"group:1": "Support"})
    assert desk.questions == 1


def test_an_account_that_is_configured_is_not_asked_for() -> None:
    desk = Desk(*refusals(9))
    assert post(desk, account="77").view(NOW).account == "77"
    assert desk.questions == 0


def test_where_nobody_knows_us_one_log_in_is_tried_in_five_minutes() -> None:
    desk = Desk(*refusals(9))
    one = post(desk)
    for second in range(0, 299, 7):
        with pytest.raises(Resting):
            one.view(NOW + timedelta(seconds=second))
    assert desk.questions == 1
    with pytest.raises(Resting):
        one.view(NOW + timedelta(seconds=301))
    assert desk.questions == 2


def test_a_site_that_only_observes_is_read_all_the_same_and_rests_too() -> None:
    desk = Desk(*refusals(9))
    one = post(desk, mode=Mode.OBSERVE)
    assert [one.view(NOW).account for _ in range(30)] == [None] * 30
    assert desk.questions == 1


def test_mended_credentials_open_the_site() -> None:
    desk = Desk(*refusals(1))
    one = post(desk)
    with pytest.raises(Resting):
        one.view(NOW)
    assert one.view(NOW + timedelta(seconds=301)).account == "9000"
    assert one.brake.wait_until(NOW + timedelta(seconds=302)) is None


def test_closing_closes_the_way_out_and_the_next_use_opens_it_again() -> None:
    desk = Desk()
    one = post(desk)
    one.client()
    one.close()
    assert desk.closed
    assert one.view(NOW).account == "9000"


def test_names_in_the_settings_are_seen_as_the_ids_they_are_there() -> None:
    assert post(Desk()).view(NOW).settings.fields == {"product": "360"}


def test_a_site_that_is_given_a_rest_is_shown_as_it_was_seen_last_and_not_asked() -> None:
    desk = Desk()
    one = post(desk)
    seen = one.view(NOW)
    one.brake.failed(TryLater("down"), NOW)
    assert one.view(NOW + timedelta(hours=1)) == seen
    assert desk.named == 1
    assert one.brake.closed
