"""Which addresses are somebody's own, and which hosts of URLs stand for such an address. Pure.

No name is resolved here. Python's own `is_global` varies with its version and knows nothing of
addresses that carry another inside, so the ranges are listed (IANA's special-purpose registries).
"""

import ipaddress
import re
import unicodedata
from urllib.parse import urlsplit

from langchain_apilaplas.quoting import quoted

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PRIVATE_4 = [
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        "168.63.129.16/32",  # Azure's metadata
    )
]
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
_PRIVATE_6 = [
    ipaddress.IPv6Network(network)
    # Teredo and other protocols, documentation, 6to4, documentation
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The middle of an IPv6 address that carries an IPv4 one in its last part (RFC 5214)."""

_NAMES = re.compile(
    r"(.*\.)?(localhost|localdomain|local|internal|intranet|lan|home\.arpa|corp|private"
    r"|onion|in-addr\.arpa|ip6\.arpa)"
)
"""What never names a host of the public internet."""


def is_public(address: Address) -> bool:
    """Whether an address lies in the public internet, whatever form it is written in."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _PRIVATE_4)
    if address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64:
        return is_public(last)
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    return address in _PUBLIC_6 and not any(address in network for network in _PRIVATE_6)


def public_host(url: str) -> str:
    """The host of an https URL, checked without asking anybody: a name, or a public address.

    Raises:
        ValueError: It is no https URL, carries a user or password, or its host is one's own.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"{quoted(url)} is not an https URL") from None
    good = parts.scheme == "https" and "@" not in parts.netloc and port != 0
    if not good or not host or re.search(r"[\s\\\x00-\x20\x7f]", url):
        raise ValueError(f"{quoted(url)} is not an https URL")
    if not _is_public_host(host):
        raise ValueError(f"{quoted(url)} does not lead to the public internet")
    return host


def _is_public_host(host: str) -> bool:
    plain = unicodedata.normalize("NFKC", host).translate(_DOTS).rstrip(".").lower()
    if not plain or len(plain) > 253 or re.search(r"[^\w.:-]", plain):
        return False
    if ":" in plain:
        return _is_public_text(plain)
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", plain.rpartition(".")[2]):
        # What ends in a number is an address. Only its plain form is read by all alike: 0127.0.0.1
        # is 87.0.0.1 to some and 127.0.0.1 to others.
        return _is_public_text(plain)
    return "." in plain and not _NAMES.fullmatch(plain)


_DOTS = dict.fromkeys(map(ord, "\u3002\uff0e\uff61"), ".")


def _is_public_text(text: str) -> bool:
    try:
        return is_public(ipaddress.ip_address(text))
    except ValueError:
        return False
