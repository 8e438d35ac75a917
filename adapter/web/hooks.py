"""The receiver: raw bytes to a delivery, and what became of it to a status (decision 1).

A genuine delivery is answered 2xx whatever it says, because a vendor that sees errors stops sending to us.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Response, jsonify, request

from adapter.intake import Intake
from adapter.journal import Journal
from adapter.pressure import Refused
from adapter.sites import Sites
from connectors.contract import BadSignature, Delivery, TryLater

COME_BACK = "30"
"""Seconds in Retry-After; a vendor that is told more than a minute may not come back at all."""


def hooks(
    intake: Intake, sites: Sites, journal: Journal, clock: Callable[[], datetime], ready: Callable[[], bool]
) -> Blueprint:
    """Make the routes that vendors call."""
    routes = Blueprint("hooks", __name__)

    @routes.post("/webhooks/<vendor>/<name>")
    def receive(vendor: str, name: str) -> Response:
        """Keep one delivery."""
        post = sites.find(vendor, name)
        if post is None:
            return _answer(404, f"There is no site {vendor}/{name} here; see [sites] in stepladder.toml.")
        if not ready():
            return _answer(503, "Starting up; please send this again.")
        now = clock()
        delivery = Delivery(
            vendor=vendor,
            site=name,
            body=request.get_data(cache=False),
            received_at=now,
            headers={key.lower(): value for key, value in request.headers.items()},
            query=request.query_string.decode("latin-1"),
        )
        try:
            receipt = intake.accept(post, delivery, now)
        except BadSignature as error:
            journal.tell("delivery.forged", site=post.scope, reason=str(error))
            return _answer(401, str(error))
        except TryLater as error:
            journal.tell("delivery.alarm", site=post.scope, reason=str(error))
            return _answer(503, str(error))
        except Refused as error:
            journal.tell("delivery.refused", site=post.scope, reason=str(error))
            return _answer(503, "No delivery can be taken now; please send this again.")
        except Exception as error:  # it could not be kept, so it must not be thanked for
            journal.trouble("delivery.failed", error, site=post.scope)
            return _answer(503, "The delivery could not be stored; please send it again.")
        return _answer(202, "accepted") if receipt.new else _answer(200, "received before")

    return routes


def _answer(status: int, text: str) -> Response:
    response = jsonify(status=text)
    response.status_code = status
    if status == 503:
        response.headers["Retry-After"] = COME_BACK
    return response
