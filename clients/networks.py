"""Allow lists: from where an API client may call."""

import ipaddress
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

ANY_ADDRESS = "0.0.0.0/0"  # as a client's network it means IPv6, too
MAXIMUM_NETWORKS = 100
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def check_network(cidr: str) -> str:
    """Return the network as it was given, host bits included. ValidationError if it is none."""
    address, _slash, prefix = cidr.partition("/")
    # ipaddress would also take netmasks ("/255.0.0.0"), zones ("%eth0") and other digits ("٣").
    if prefix.isascii() and prefix.isdigit() and "%" not in address:
        if _is_ipv4(address) and (len(prefix) > 9 or int(prefix) > 32):
            reason = _("invalid cidr address: %(value)s; value after slash must be 32 or less")
            raise ValidationError(reason % {"value": cidr})
        try:
            ipaddress.ip_network(cidr, strict=False)
        except ValueError:
            pass
        else:
            return cidr
    raise ValidationError(_("invalid cidr address: %(value)s") % {"value": cidr})


def check_networks(networks: Iterable[str]) -> list[str]:
    """Return an allow list with duplicates folded. ValidationError for the first bad network."""
    checked = [check_network(cidr) for cidr in dict.fromkeys(networks)]
    if not checked:
        raise ValidationError(_("at least one network is required"))
    if len(checked) > MAXIMUM_NETWORKS:
        raise ValidationError(
            _("at most %(count)d networks are possible") % {"count": MAXIMUM_NETWORKS}
        )
    return checked


def is_address_allowed(text: str, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of the networks. What is no address does so only in any."""
    allowed = tuple(networks)
    if ANY_ADDRESS in allowed:
        return True
    try:
        address = _unmapped(ipaddress.ip_address(text))
    except ValueError:
        return False
    return any(_contains(ipaddress.ip_network(cidr, strict=False), address) for cidr in allowed)


def plain_address(text: str) -> str:
    """Return an address in one spelling: IPv4 in IPv6 as IPv4. What is no address stays."""
    try:
        return str(_unmapped(ipaddress.ip_address(text)))
    except ValueError:
        return text


def _contains(network: Network, address: Address) -> bool:
    if isinstance(network, ipaddress.IPv6Network) and isinstance(address, ipaddress.IPv4Address):
        # A list may name IPv4 callers as an IPv6 socket sees them; ::/0 does not mean them.
        return network.subnet_of(_MAPPED) and ipaddress.IPv6Address(f"::ffff:{address}") in network
    return address in network


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _unmapped(address: Address) -> Address:
    """IPv4 mapped into IPv6 is the IPv4 address that it stands for."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
