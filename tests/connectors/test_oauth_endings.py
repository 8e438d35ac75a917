"""When credentials end: known from the settings, the vendor's calendar or the consent, and said in time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connectors.endings import ending, ends_at
from connectors.jira.settings import JiraSettings
from connectors.site import SiteSettings
from connectors.zendesk.settings import ZendeskSettings

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def zendesk(**given: Any) -> ZendeskSettings:
    return ZendeskSettings.model_validate({"url": "https://acme.zendesk.com", **given})


def api_token(**given: Any) -> ZendeskSettings:
    return zendesk(email="a@example.com", token="t", **given)


def by_hand(last: date | None = None) -> ZendeskSettings:
    return zendesk(oauth_token="t", token_expires=last)


@pytest.mark.parametrize(
    ("settings", "kept", "expected", "reason"),
    [
        (by_hand(), {}, None, "nobody knows"),
        (by_hand(date(2027, 1, 31)), {}, datetime(2027, 1, 31, 23, 59, 59, 999999, tzinfo=UTC), "the settings say it"),
        (api_token(), {}, datetime(2027, 4, 30, tzinfo=UTC), "Zendesk's API tokens all stop that day"),
        (
            api_token(token_expires=date(2027, 1, 31)),
            {},
            datetime(2027, 1, 31, 23, 59, 59, 999999, tzinfo=UTC),
            "whichever is first",
        ),
        (
            zendesk(client_id="x", client_secret="y", grant="authorization_code"),
            {"ends": "2027-11-22T00:00:00+00:00", "refresh_until": "2026-12-22T00:00:00+00:00"},
            datetime(2026, 12, 22, tzinfo=UTC),
            "a refresh token that is not used ends before the consent",
        ),
        (by_hand(), {"ends": "some day"}, None, "what cannot be read is not known"),
    ],
)
def test_an_end_is_known_from_several_places(
    settings: SiteSettings, kept: dict[str, str], expected: datetime | None, reason: str
) -> None:
    assert ends_at(settings, kept) == expected, reason


@pytest.mark.parametrize(
    ("days", "alarm"),
    [(31, None), (30, False), (4, False), (3, True), (1, True), (0, True), (-5, True)],
)
def test_an_end_is_a_warning_for_a_month_and_an_alarm_for_three_days(days: int, alarm: bool | None) -> None:
    kept = {"ends": (NOW + timedelta(days=days)).isoformat()}
    found = ending(by_hand(), kept, NOW)
    assert (found.alarm if found else None) is alarm
    assert found is None or found.days == days


def test_what_has_ended_is_said_so() -> None:
    found = ending(by_hand(date(2026, 11, 1)), {}, NOW)
    assert found is not None
    assert found.says.startswith("the credentials ended on 2026-11-01")


@pytest.mark.parametrize(("days", "said"), [(30, False), (4, False), (3, True), (-1, True)])
def test_a_refresh_token_that_moves_on_by_itself_is_worth_a_word_only_when_it_stands_still(
    days: int, said: bool
) -> None:
    kept = {
        "ends": (NOW + timedelta(days=300)).isoformat(),
        "refresh_until": (NOW + timedelta(days=days)).isoformat(),
    }
    assert (ending(by_hand(), kept, NOW) is not None) is said


def test_a_jira_token_ends_when_the_settings_say() -> None:
    settings = JiraSettings.model_validate(
        {"url": "https://acme.atlassian.net", "email": "a@example.com", "token": "t", "token_expires": "2026-11-24"}
    )
    found = ending(settings, {}, NOW)
    assert found is not None
    assert (found.alarm, found.days) == (True, 2)
