"""How an examination asks Zendesk: patiently, and a list that cannot be had is told as unknown instead of ending it.

It only reads. Who we are is never unknown: without an answer to that there is no examination.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.calls import at_length
from connectors.contract import Refused, TryLater
from connectors.upkeep import Finding, Grade
from connectors.zendesk.office import JSONObject, Office

WE = "users/me"


class Asking(Office):
    """One examination's questions to an account."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._silent: dict[str, str] = {}

    def get(self, path: str, **params: Any) -> JSONObject:
        """Read something, again where no answer came: a question does no harm. Raises Denied, TryLater or Refused."""
        return at_length(lambda: self._read(path, params), self._sleep)

    def _read(self, path: str, params: JSONObject) -> JSONObject:
        try:
            return self._once("GET", path, params=params)
        except TryLater as later:
            later.sent = False
            raise

    def seen(self, path: str, **params: Any) -> list[JSONObject] | None:
        """Read a whole list; None if it is not shown to us, or if this list alone cannot be had.

        Raises TryLater or Refused if the account itself no longer answers: then nothing is known, and nothing is said.
        """
        try:
            return super().seen(path, **params)
        except (TryLater, Refused) as wrong:
            self.get(WE)
            self._silent[path] = str(wrong)
            return None

    def unanswered(self) -> Iterator[Finding]:
        """Yield which lists could not be had though the account answers, each with what came instead."""
        for path, wrong in self._silent.items():
            yield Finding(
                name=f"permissions:unanswered:{path}",
                check="permissions",
                grade=Grade.UNKNOWN,
                says=f"Zendesk answers us, and does not tell {path} ({wrong}): what depends on it is unknown.",
                cure="Look again later; if it stays so, ask Zendesk's support about this address",
            )
