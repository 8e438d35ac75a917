"""What somebody probably meant: lengths of time, comparisons, dates, zones and countries, and no guess at random."""

from zoneinfo import available_timezones

import pytest

from policies import guesses

LENGTHS = [
    ("4H", "4h"), ("1.5h", "1h 30m"), ("1,5h", "1h 30m"), ("4:00", "4h"), ("0:45", "45m"), ("1w", "7d"),
    ("4 Stunden", "4h"), ("90 min", "1h 30m"), ("2 Tage", "2d"), ("30m clok", "30m clock"), ("clock 30m", "30m clock"),
    ("1 day 2 hours", "1d 2h"), ("45 secs", "45s"), ("2 h ours", ""), ("soon", ""), ("-4h", ""), ("0m", ""),
    ("3 months", ""), ("", ""), ("clock", ""), ("0:00", ""),
]  # fmt: skip


@pytest.mark.parametrize(("said", "meant"), LENGTHS)
def test_a_length_of_time_is_guessed_from_how_people_write_it(said: str, meant: str) -> None:
    assert guesses.length(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (">2", "{more_than: 2}"),
        (">= major", "{at_least: major}"),
        ("≤ 3", "{at_most: 3}"),
        ("< high", "{less_than: high}"),
        ("=> 2", "{at_least: 2}"),
        ("2", ""),
        ("high", ""),
    ],
)
def test_a_comparison_in_signs_is_said_in_words(said: str, meant: str) -> None:
    assert guesses.comparison(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Europe/Munich", ""),
        ("CEST", ""),
        ("Europe/Berlim", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("Europa/Paris", "Europe/Paris"),
        ("America/New York", "America/New_York"),
        ("utc", "UTC"),
        ("Asia/Berlim", ""),
    ],
)
def test_a_time_zone_is_guessed_only_within_its_continent(said: str, meant: str) -> None:
    assert guesses.zone(said, available_timezones()) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [("30.11.2027", "2027-11-30"), ("1.2.2027", "2027-02-01"), ("2027/11/30", "2027-11-30"), ("11/12/2027", "")],
)
def test_a_date_is_guessed_unless_it_could_be_two(said: str, meant: str) -> None:
    assert guesses.day(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [("de", "DE"), ("Germany", "DE"), ("DEU", "DE"), ("united kingdom", "GB"), ("DE", "DE"), ("Utopia", "")],
)
def test_a_country_is_known_by_its_names(said: str, meant: str) -> None:
    assert guesses.country(said) == meant


@pytest.mark.parametrize(("said", "meant"), [("ja", "true"), ("No", "false"), ("maybe", ""), (True, "")])
def test_yes_and_no_become_true_and_false(said: object, meant: str) -> None:
    assert guesses.truth(said) == meant
