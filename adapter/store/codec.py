"""Values to bytes and back. Sets are sorted, so that equal values are equal bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Row

from adapter.records import CallState, StoredCall
from connectors.contract import Call
from policies.case import Case
from policies.commands import Notice
from policies.model import Event

_encoder = msgspec.json.Encoder(order="deterministic")
_decoders: dict[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (Case, Event, Call, Notice, dict)
}


def pack(value: Any) -> bytes:
    """Return a value as JSON bytes, the same bytes for equal values."""
    return _encoder.encode(value)


def pack_numbered(value: Any) -> bytes:
    """Return a value that has numbers for names somewhere, such as levels; JSON knows only words."""
    return pack(msgspec.to_builtins(value, str_keys=True))


def unpack_case(data: bytes) -> Case:
    """Read a case back."""
    case: Case = _decoders[Case].decode(data)
    return case


def unpack_event(data: bytes) -> Event:
    """Read an event back."""
    event: Event = _decoders[Event].decode(data)
    return event


def unpack_call(data: bytes) -> Call:
    """Read a call back."""
    call: Call = _decoders[Call].decode(data)
    return call


def unpack_notice(data: bytes) -> Notice:
    """Read a message back."""
    notice: Notice = _decoders[Notice].decode(data)
    return notice


def unpack_dict(data: bytes) -> dict[str, Any]:
    """Read a JSON object back."""
    found: dict[str, Any] = _decoders[dict].decode(data)
    return found


def stamp(moment: datetime) -> float:
    """Return an instant as the tables keep it."""
    return moment.timestamp()


def moment(stamped: float) -> datetime:
    """Return a stored instant."""
    return datetime.fromtimestamp(stamped, UTC)


def stored_call(row: Row[Any]) -> StoredCall:
    """Read a call's row."""
    return StoredCall(
        call=unpack_call(row.body),
        state=CallState(row.state),
        created_at=moment(row.created_at),
        attempted_at=moment(row.attempted_at) if row.attempted_at else None,
        attempts=row.attempts,
        outcome=row.outcome,
    )
