"""The numbers for Prometheus by HTTP, and the time that webhooks take. It tells of no ticket and no delivery."""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST


def numbers(text: Callable[[], bytes]) -> Blueprint:
    """Make the route that Prometheus asks."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    def shown() -> Response:
        """Return all numbers."""
        return Response(text(), content_type=CONTENT_TYPE_LATEST)

    return routes


def timed(app: Flask, took: Callable[[int, float], None]) -> None:
    """Measure how long each webhook takes; `took` is told its status and the seconds."""

    def begin() -> None:
        g.began = time.perf_counter()

    def end(response: Response) -> Response:
        if request.blueprint == "hooks" and "began" in g:
            took(response.status_code, time.perf_counter() - g.began)
        return response

    app.before_request(begin)
    app.after_request(end)
