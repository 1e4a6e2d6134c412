"""What is shared over the network: Samba, NFS, FTP, rsync; SNMP, what inetd starts, desktops by RDP and VNC."""

from __future__ import annotations

from ..base import Gather
from . import (
    ftp_servers,
    inetd_services,
    nfs_exports,
    rsync_daemon,
    samba_server,
    snmp_agent,
    tftp_server,
    vnc_server,
    xrdp_server,
)

GATHERERS: dict[str, Gather] = {
    "ftp.servers": ftp_servers.gather,
    "inetd.services": inetd_services.gather,
    "nfs.exports": nfs_exports.gather,
    "rsync.daemon": rsync_daemon.gather,
    "samba.server": samba_server.gather,
    "snmp.agent": snmp_agent.gather,
    "tftp.server": tftp_server.gather,
    "vnc.server": vnc_server.gather,
    "xrdp.server": xrdp_server.gather,
}
