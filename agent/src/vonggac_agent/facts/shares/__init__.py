"""What is shared over the network: Samba, NFS, SNMP, FTP."""

from __future__ import annotations

from ..base import Gather

GATHERERS: dict[str, Gather] = {}
