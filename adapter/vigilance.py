"""The tables of stepladder.toml that say how Stepladder is watched: its log, its numbers, and who hears of an alarm."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from adapter.sections import Table, is_host
from connectors.site import on_loopback
from policies.contacts import is_address


class Log(Table):
    """`[log]`: how a line of the log looks, and how much is told."""

    format: Literal["auto", "console", "json"] = Field(default="auto", description="auto: console on a terminal")
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="how much is told")

    @field_validator("level", mode="before")
    @classmethod
    def _loud(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value


class Monitor(Table):
    """`[monitor]`: a second address that tells numbers and health, for those who run Stepladder."""

    host: str = Field(default="127.0.0.1", description="the address to listen on")
    port: int | None = Field(default=None, ge=0, le=65535, description="without one it is not served; 0 takes any")


class Audit(Table):
    """`[audit]`: what is worth an alarm, and who hears of it. All times in minutes."""

    every: float = Field(default=0.5, gt=0, le=60, description="minutes between two rounds")
    late: float = Field(default=1.0, gt=0, le=1440, description="minutes a ticket may wait for its look")
    stuck: float = Field(default=15.0, gt=0, le=10_080, description="minutes a call may be open for no reason")
    silent: float = Field(default=120.0, gt=0, le=10_080, description="minutes of changes that no webhook told")
    disk: float = Field(default=5.0, ge=0, le=100, description="percent of the disk that must be free")
    again: float = Field(default=360.0, ge=1, le=10_080, description="minutes until an alarm is told again")
    tell: list[str] = Field(default_factory=list, description="e-mail addresses; needs [mail]")
    heartbeat: str | None = Field(default=None, description="https://… that is asked while all is well")

    @field_validator("tell")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        for number, person in enumerate(value, 1):
            if not is_address(person):
                raise ValueError(f"expected an e-mail address such as ada@acme.example as number {number}")
        return value

    @field_validator("heartbeat")
    @classmethod
    def _askable(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        secure = parts.scheme == "https" or (parts.scheme == "http" and on_loopback(parts.hostname or ""))
        if not secure or not is_host(parts.hostname or "") or "@" in parts.netloc or parts.fragment:
            raise ValueError("expected an address such as https://heartbeat.example/abc (http:// on loopback only)")
        return value
