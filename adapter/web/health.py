"""Is it alive, and is it ready: two addresses for whoever runs it. They tell no secret and need none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Blueprint, Response, jsonify


def health(unwell: Callable[[], Sequence[str]], unready: Callable[[], Sequence[str]], version: str) -> Blueprint:
    """Make the routes that a load balancer or a person asks; both callables return sentences, none if all is well."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def alive() -> Response:
        """Say whether this process works; if not, it is to be started anew."""
        reasons = list(unwell())
        return _answer(jsonify(status="unwell" if reasons else "ok", version=version, reasons=reasons), reasons)

    @routes.get("/readyz")
    def whether_ready() -> Response:
        """Say whether this process does its part now; if not, nothing is to be started anew."""
        reasons = list(unready())
        return _answer(jsonify(ready=not reasons, reasons=reasons), reasons)

    return routes


def _answer(response: Response, reasons: Sequence[str]) -> Response:
    response.status_code = 503 if reasons else 200
    response.headers["Cache-Control"] = "no-store"
    return response
