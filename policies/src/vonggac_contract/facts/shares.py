"""What is shared over the network: Samba, NFS, FTP, rsync; what is told by SNMP; what inetd starts; desktops."""

from typing import Annotated, Literal

import msgspec

from .base import about, topic
from .files import Permission

Wish = Literal["off", "desired", "required"]


class SambaShare(msgspec.Struct, frozen=True):
    """One share, defaults of [global] put in."""

    name: Annotated[str, about("Its name, lower case", source="section of smb.conf")]
    path: Annotated[str, about("Folder; empty: the home of who connects, or none")]
    guest: Annotated[bool, about("May be used without a password", source="guest ok")]
    writable: Annotated[bool, about("May be written to", source="read only")]
    printer: Annotated[bool, about("A printer's queue, no folder", source="printable")]
    valid_users: Annotated[list[str], about("Only these; empty: everybody with an account")]
    hosts_allow: Annotated[list[str], about("Only from these; empty: from everywhere")]
    encryption: Annotated[Wish, about("Whether traffic is encrypted", source="server smb encrypt")]
    audited: Annotated[bool, about("Each access is logged", source="vfs objects = full_audit")]


@topic("samba.server", main="installed")
class SambaServer(msgspec.Struct, frozen=True):
    """The file server's settings, smb.conf(5), includes followed."""

    installed: Annotated[bool, about("smbd is there", source="usr/sbin/smbd")]
    min_protocol: Annotated[
        str | None,
        about(
            "Oldest protocol it accepts, upper case; none: not set, and its version is not known",
            source="server min protocol; by default SMB2_02 from 4.11 on, LANMAN1 before",
        ),
    ] = None
    smb1: Annotated[bool | None, about("It accepts SMB 1 or older")] = None
    signing_required: Annotated[
        bool, about("Clients have to sign", source="server signing; by default on domain controllers")
    ] = False
    encryption: Annotated[Wish, about("Whether traffic is encrypted", source="server smb encrypt")] = (
        "desired"
    )
    ntlmv1: Annotated[
        bool, about("Answers of NTLMv1 or LANMAN are taken", source="ntlm auth, lanman auth")
    ] = False
    map_to_guest: Annotated[
        Literal["never", "bad user", "bad password", "bad uid"],
        about("Which failed logins become the guest", source="map to guest"),
    ] = "never"
    null_passwords: Annotated[bool, about("Empty passwords are taken", source="null passwords")] = False
    usershare_guests: Annotated[
        bool, about("Users may open shares to guests by themselves", source="usershare allow guests")
    ] = False
    restrict_anonymous: Annotated[
        int, about("0: anybody may list shares and users; 2: nobody unknown", source="restrict anonymous")
    ] = 0
    log_level: Annotated[int, about("Level of the log", source="log level")] = 0
    auth_audit: Annotated[
        int,
        about(
            "Level of the class auth_audit: from 2 failed logins are logged, from 3 all", source="log level"
        ),
    ] = 0
    interfaces: Annotated[list[str], about("Interfaces and networks it serves; empty: all")] = []
    bind_only: Annotated[bool, about("It listens on those only", source="bind interfaces only")] = False
    hosts_allow: Annotated[list[str], about("Only from these, for all shares; empty: from everywhere")] = []
    shares: Annotated[list[SambaShare], about("Shares by name; [global] is none")] = []
    limited: Annotated[
        bool,
        about(
            "hosts allow of [global] or of every share, or interfaces with bind interfaces only, limit who may connect"
        ),
    ] = False
    unread: Annotated[
        list[str], about("Includes that depend on who connects (with a % in their name), not read")
    ] = []


class NfsExport(msgspec.Struct, frozen=True):
    """One folder for one client (a host, network, netgroup or pattern)."""

    path: Annotated[str, about("Folder")]
    client: Annotated[str, about("Who may mount it; *: everybody")]
    everyone: Annotated[bool, about("Every host may mount it: *, no client at all, 0.0.0.0/0, ::/0, gss/…")]
    writable: Annotated[bool, about("rw")]
    root_squash: Annotated[bool, about("root of the client is nobody here; off with no_root_squash")]
    privileged_port: Annotated[bool, about("Only from ports below 1024; off with insecure")]
    kerberos: Annotated[
        Literal["none", "krb5", "krb5i", "krb5p"],
        about(
            "Weakest of the security flavours allowed; none: with sec=sys, none, or TLS-less null",
            source="sec",
        ),
    ]
    source: Annotated[str, about("File")]


@topic("nfs.exports", main="installed")
class NfsExports(msgspec.Struct, frozen=True):
    """Folders exported by NFS, exports(5)."""

    installed: Annotated[bool, about("The server's programs are there", source="usr/sbin/rpc.nfsd, exportfs")]
    exports: Annotated[
        list[NfsExport], about("In file order", source="etc/exports, etc/exports.d/*.exports")
    ] = []
    version2: Annotated[bool, about("NFSv2 is served", source="etc/nfs.conf [nfsd] vers2")] = False
    version3: Annotated[bool, about("NFSv3 is served", source="etc/nfs.conf [nfsd] vers3")] = True
    udp: Annotated[bool, about("Served by UDP too", source="etc/nfs.conf [nfsd] udp")] = False


class SnmpCommunity(msgspec.Struct, frozen=True):
    """One community of SNMPv1 and v2c. Its word is a password and stays in the parser."""

    write: Annotated[bool, about("It may change values")]
    default_word: Annotated[bool, about("A word that everybody tries first: public, private and their like")]
    short: Annotated[bool, about("Fewer than 12 characters")]
    source: Annotated[str, about("Host or network it is taken from; empty: everywhere")]
    everyone: Annotated[bool, about("Taken from every address")]
    limited_view: Annotated[bool, about("It sees a part of the tree only")]


class SnmpUser(msgspec.Struct, frozen=True):
    """One user of SNMPv3 with access."""

    name: Annotated[str, about("Name")]
    level: Annotated[
        Literal["none", "auth", "priv"],
        about("What is asked at least: nothing, authentication, or encryption too"),
    ]
    write: Annotated[bool, about("It may change values")]


@topic("snmp.agent", main="installed", privileged=True)
class SnmpAgent(msgspec.Struct, frozen=True):
    """The SNMP agent's settings, snmpd.conf(5), includes followed."""

    installed: Annotated[bool, about("snmpd is there", source="usr/sbin/snmpd")]
    communities: Annotated[
        list[SnmpCommunity],
        about("Communities with access", source="rocommunity, rwcommunity, com2sec with group and access"),
    ] = []
    users: Annotated[list[SnmpUser], about("Users with access", source="rouser, rwuser, access")] = []
    weak_users: Annotated[
        list[str],
        about(
            "Users made with MD5 or DES",
            source="createUser; usmUser of var/lib/snmp/snmpd.conf, var/lib/net-snmp/snmpd.conf",
        ),
    ] = []
    addresses: Annotated[
        list[str], about("Where it listens; empty: udp:161 everywhere", source="agentaddress")
    ] = []
    every_address: Annotated[bool, about("It listens on every address")] = False


class FtpServer(msgspec.Struct, frozen=True):
    """One FTP server, its settings under one set of names."""

    program: Annotated[Literal["vsftpd", "proftpd", "pure-ftpd"], about("Program")]
    anonymous: Annotated[bool, about("Logins without an account")]
    anonymous_write: Annotated[bool, about("Those may store files")]
    tls: Annotated[
        Literal["off", "offered", "required"],
        about("Whether logins and data are encrypted; required: for both"),
    ]
    old_tls: Annotated[bool, about("Protocols older than TLS 1.2 are switched on by name")]
    chroot: Annotated[bool, about("Users see their own folder only")]
    logged: Annotated[bool, about("Transfers are logged")]


@topic("ftp.servers", main="servers")
class FtpServers(msgspec.Struct, frozen=True):
    """FTP servers that are installed."""

    servers: Annotated[
        list[FtpServer],
        about(
            "vsftpd, proftpd, pure-ftpd",
            source="vsftpd.conf(5); proftpd.conf with includes; etc/pure-ftpd/conf, pure-ftpd.conf",
        ),
    ]


class RsyncModule(msgspec.Struct, frozen=True):
    """One module of the rsync daemon, defaults put in."""

    name: Annotated[str, about("Name")]
    path: Annotated[str, about("Folder")]
    writable: Annotated[bool, about("May be written to", source="read only")]
    authenticated: Annotated[bool, about("Asks for a user and password", source="auth users")]
    hosts_allow: Annotated[list[str], about("Only from these; empty: from everywhere")]
    chroot: Annotated[bool, about("Served from inside its folder", source="use chroot")]
    as_root: Annotated[bool, about("Files are touched as root", source="uid")]
    secrets_permissions: Annotated[
        list[Permission],
        about("Permission bits of its secrets file; empty: no such file", source="secrets file"),
    ]


@topic("rsync.daemon", main="configured")
class RsyncDaemon(msgspec.Struct, frozen=True):
    """What rsync offers as a daemon, rsyncd.conf(5)."""

    configured: Annotated[bool, about("etc/rsyncd.conf is there", source="etc/rsyncd.conf")]
    modules: Annotated[list[RsyncModule], about("In file order")] = []
    logged: Annotated[bool, about("Transfers are logged", source="transfer logging")] = False


class InetdService(msgspec.Struct, frozen=True):
    """One service that a super-server starts when somebody connects."""

    name: Annotated[str, about("Name or port as written")]
    protocol: Annotated[str, about("tcp, udp, …")]
    program: Annotated[str, about("Program; internal: the super-server itself")]
    started_by: Annotated[Literal["inetd", "xinetd"], about("Super-server")]


@topic("inetd.services", main="services")
class InetdServices(msgspec.Struct, frozen=True):
    """Services that inetd(8) and xinetd(8) start, where they are installed."""

    installed: Annotated[
        bool, about("A super-server is there", source="usr/sbin/inetd, inetutils-inetd, xinetd")
    ]
    services: Annotated[
        list[InetdService], about("Those switched on", source="etc/inetd.conf, etc/inetd.d, etc/xinetd.d")
    ] = []


@topic("xrdp.server", main="installed")
class XrdpServer(msgspec.Struct, frozen=True):
    """Desktops by RDP, xrdp.ini(5) and sesman.ini(5)."""

    installed: Annotated[bool, about("xrdp is there", source="usr/sbin/xrdp")]
    security_layer: Annotated[
        Literal["tls", "rdp", "negotiate"],
        about("negotiate: the client may choose RDP's own weak encryption", source="security_layer"),
    ] = "negotiate"
    crypt_level: Annotated[
        Literal["none", "low", "medium", "high", "fips"],
        about("Encryption where no TLS is used", source="crypt_level"),
    ] = "high"
    protocols: Annotated[list[str], about("TLS versions accepted", source="ssl_protocols")] = []
    certificate: Annotated[bool, about("A certificate of its own is set", source="certificate")] = False
    every_address: Annotated[bool, about("It listens on every address", source="port")] = True
    root_login: Annotated[bool, about("root may log in", source="sesman.ini AllowRootLogin")] = True
    login_tries: Annotated[int, about("Tries per connection", source="sesman.ini MaxLoginRetry")] = 4
    sessions: Annotated[int, about("Most sessions at once; 0: no limit", source="sesman.ini MaxSessions")] = 0
    idle_seconds: Annotated[
        int,
        about("Idle time until a session is dropped; 0: never", unit="s", source="sesman.ini IdleTimeLimit"),
    ] = 0


@topic("vnc.server", main="installed")
class VncServer(msgspec.Struct, frozen=True):
    """Desktops by VNC, TigerVNC's settings for the whole machine; users may set their own unless they are mandatory."""

    installed: Annotated[bool, about("TigerVNC's server is there", source="usr/bin/Xvnc, Xtigervnc")]
    local_only: Annotated[
        bool,
        about(
            "It takes connections from this machine only (for a tunnel)", source="localhost; Debian's default"
        ),
    ] = False
    security_types: Annotated[
        list[str],
        about("Security types offered, e.g. TLSVnc; those with TLS or X509 encrypt", source="SecurityTypes"),
    ] = []
    mandatory: Annotated[
        bool, about("Both are set so that users cannot change them", source="vncserver-config-mandatory")
    ] = False


@topic("tftp.server", main="installed")
class TftpServer(msgspec.Struct, frozen=True):
    """tftpd-hpa, which asks nobody for a password."""

    installed: Annotated[bool, about("in.tftpd is there", source="usr/sbin/in.tftpd")]
    shut_in: Annotated[bool, about("It sees its own folder only", source="--secure")] = False
    creates: Annotated[bool, about("Everybody may store new files", source="--create")] = False
