"""Asks the kernel how many nftables tables there are, for machines where no nft program is installed to ask.

Sources: linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h, netlink(7).
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import Final

_NETLINK_NETFILTER: Final = 12
_GET_TABLES: Final = (10 << 8) | 1
"""NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE."""
_NEW_TABLE: Final = 10 << 8
_REQUEST_DUMP: Final = 0x301
"""NLM_F_REQUEST | NLM_F_DUMP."""
_DONE: Final = 3
_ERROR: Final = 2
_HEADER: Final = struct.Struct("=IHHII")
_MAX_ANSWERS: Final = 1000


def request() -> bytes:
    """The question: every table of every family (nfgenmsg with AF_UNSPEC, version 0)."""
    body = struct.pack("=BBH", 0, 0, 0)
    return _HEADER.pack(_HEADER.size + len(body), _GET_TABLES, _REQUEST_DUMP, 1, 0) + body


def count(answer: bytes) -> tuple[int, bool]:
    """(tables in one answer of the kernel, whether it was the last one).

    Raises OSError with the kernel's number for a refusal, ValueError for an answer that is cut short.
    """
    tables, place = 0, 0
    while place < len(answer):
        if len(answer) - place < _HEADER.size:
            raise ValueError("a netlink answer is cut short")
        length, kind, _, _, _ = _HEADER.unpack_from(answer, place)
        if length < _HEADER.size or place + length > len(answer):
            raise ValueError("a netlink answer is cut short")
        if kind == _DONE:
            return tables, True
        if kind == _ERROR:
            if length < _HEADER.size + 4:
                raise ValueError("a netlink error without its number")
            number = -struct.unpack_from("=i", answer, place + _HEADER.size)[0]
            if number:
                raise OSError(number, "the kernel refused the list of nftables tables")
            return tables, True
        tables += kind == _NEW_TABLE
        place += (length + 3) & ~3
    return tables, False


def tables() -> int:
    """How many tables nftables holds; 0 if the kernel has no nftables.

    Raises PermissionError without CAP_NET_ADMIN, TimeoutError, OSError, ValueError.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as netlink:
        netlink.settimeout(1.0)
        netlink.send(request())
        total = 0
        for _ in range(_MAX_ANSWERS):
            try:
                found, last = count(netlink.recv(65_536))
            except OSError as error:
                # nfnetlink answers EINVAL or EOPNOTSUPP for a subsystem that the kernel has not got
                if error.errno in (errno.EINVAL, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT):
                    return 0
                raise
            total += found
            if last:
                return total
    raise ValueError(f"over {_MAX_ANSWERS} answers about nftables tables")
