"""Addresses that nobody may be led to, whatever a name resolves to: looked at once a connection stands, before a word
is said. Networks of one's own are not among them: Data Center and services on call live there, and TLS names them.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

from connectors.site import on_loopback

_METADATA = frozenset(map(ip_address, ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16")))
"""Where clouds tell a machine its own secrets, beside the link-local 169.254.169.254 and its kin."""


class Barred(OSError):
    """A name of the settings leads to an address that is never spoken to."""


def check(opened: socket.socket, host: str) -> None:
    """Raise Barred, and close, if a connection to this host of the settings leads where none may lead."""
    reason = barred(str(opened.getpeername()[0]), host)
    if reason is not None:
        opened.close()
        raise Barred(f"{host} leads to {reason}; nothing was sent: check the name, and who answers for it")


def barred(address: str, host: str) -> str | None:
    """Say what is wrong with the address that a host resolved to; None if it may be spoken to."""
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_link_local or found in _METADATA:
        return "an address of this network's own equipment (link-local or a cloud's metadata)"
    if found.is_unspecified or found.is_multicast:
        return "an address that is nobody's"
    if found.is_loopback and not on_loopback(host.strip("[]")):
        return "this machine itself"
    return None
