"""Is it alive, and is it ready: two addresses for whoever runs it. They tell no secret and need none."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, jsonify


def health(ready: Callable[[], bool], version: str) -> Blueprint:
    """Make the routes that a load balancer or a person asks."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def alive() -> Response:
        """Say that the process answers."""
        return jsonify(status="ok", version=version)

    @routes.get("/readyz")
    def whether_ready() -> Response:
        """Say whether deliveries are taken."""
        response = jsonify(ready=ready())
        response.status_code = 200 if ready() else 503
        return response

    return routes
