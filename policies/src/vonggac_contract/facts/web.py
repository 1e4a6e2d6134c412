"""Web servers and what runs in them: nginx, Apache, PHP, Tomcat."""

from typing import Annotated

import msgspec

from .base import about, topic


class NginxServer(msgspec.Struct, frozen=True):
    """One `server` block as it takes effect: what it does not say itself comes from `http`, else from nginx."""

    names: Annotated[list[str], about("server_name")]
    source: Annotated[str, about("File and line")]
    listens: Annotated[list[str], about("Addresses and ports of `listen`")]
    local: Annotated[bool, about("Listens only on loopback addresses or sockets of this machine")]
    tls: Annotated[bool, about("Listens with TLS")]
    plain: Annotated[bool, about("Listens without TLS")]
    upgrades: Annotated[
        bool, about("Answers with nothing but a redirection to https or an error, by `return` or `rewrite`")
    ]
    protocols: Annotated[
        list[str], about("ssl_protocols; nginx's own default, which begins at TLSv1, where none are named")
    ]
    ciphers: Annotated[str, about("ssl_ciphers")]
    weak_ciphers: Annotated[
        list[str], about("Words of ssl_ciphers that let in suites without encryption, or with weak ones")
    ]
    certificates: Annotated[list[str], about("ssl_certificate")]
    key_exposed: Annotated[
        bool | None,
        about("Everybody on the machine may read the file of ssl_certificate_key; none if that was not seen"),
    ]
    hsts: Annotated[
        int | None,
        about(
            "max-age of Strict-Transport-Security where it is shortest; none if a place lacks it", unit="s"
        ),
    ]
    headers: Annotated[
        list[str],
        about("Headers added everywhere in the block, lower case (an inner add_header drops the outer ones)"),
    ]
    tokens: Annotated[str, about("server_tokens: on, off, build or a text")]
    listed: Annotated[list[str], about("Places whose folders are listed (autoindex on)")]
    body_limit: Annotated[int, about("Largest client_max_body_size; 0: no limit", unit="bytes")]
    header_timeout: Annotated[int, about("client_header_timeout", unit="s")]
    body_timeout: Annotated[int, about("client_body_timeout, where it is longest", unit="s")]
    idle_timeout: Annotated[int, about("keepalive_timeout, where it is longest", unit="s")]
    send_timeout: Annotated[int, about("send_timeout, where it is longest", unit="s")]
    connection_limit: Annotated[
        int | None,
        about("Least limit_conn of the block: connections at a time of one key; none if not limited"),
    ]
    request_limited: Annotated[bool, about("limit_req holds for the block")]
    logged: Annotated[bool, about("access_log is not off for the block or its location /")]
    log_fields: Annotated[list[str], about("Variables of its log formats, of all its access logs together")]
    errors_logged: Annotated[bool, about("error_log goes somewhere and takes errors (level error or lower)")]
    dotfiles: Annotated[
        bool | None,
        about(
            "/.git/config, /.env or /.htpasswd would be served as files if they are there; none if an expression "
            "of a location was not understood"
        ),
    ]
    status_open: Annotated[
        list[str], about("Places with stub_status that neither deny nor ask for a password")
    ]
    root: Annotated[str, about("Folder of `root`; empty if none is named")]
    root_writable: Annotated[
        bool | None,
        about("The user of nginx may write in that folder; none if there is no such folder or user"),
    ]


@topic("nginx.servers")
class NginxServers(msgspec.Struct, frozen=True):
    """nginx as configured for HTTP, includes followed."""

    installed: Annotated[bool, about("The program is there", source="usr/sbin/nginx")]
    user: Annotated[str, about("User of the workers", source="etc/nginx/nginx.conf")] = ""
    servers: Annotated[
        list[NginxServer], about("Server blocks in file order", source="etc/nginx/nginx.conf and includes")
    ] = []


class ApacheSite(msgspec.Struct, frozen=True):
    """A virtual host with what it takes from the main server; the main server itself if there is none."""

    names: Annotated[list[str], about("ServerName and ServerAlias")]
    source: Annotated[str, about("File and line")]
    addresses: Annotated[list[str], about("Addresses and ports of <VirtualHost>, or of Listen")]
    local: Annotated[bool, about("Only on loopback addresses of this machine")]
    tls: Annotated[bool, about("SSLEngine is on")]
    upgrades: Annotated[bool, about("Redirects everything to https, by Redirect or RewriteRule")]
    protocols: Annotated[list[str], about("What SSLProtocol comes to; by default all but SSLv3")]
    weak_ciphers: Annotated[
        list[str], about("Words of SSLCipherSuite that let in suites without encryption, or with weak ones")
    ]
    key_exposed: Annotated[
        bool | None,
        about("Everybody on the machine may read SSLCertificateKeyFile; none if that was not seen"),
    ]
    hsts: Annotated[int | None, about("max-age of Strict-Transport-Security; none if not sent", unit="s")]
    headers: Annotated[list[str], about("Headers that mod_headers sets for the whole site, lower case")]
    trace: Annotated[bool, about("TraceEnable is not off")]
    logged: Annotated[bool, about("A CustomLog or TransferLog goes somewhere")]
    log_fields: Annotated[
        list[str],
        about("Items of the log formats of all its access logs: letters (h, u, t, r, s), {user-agent}i"),
    ]
    errors_logged: Annotated[bool, about("ErrorLog goes somewhere and LogLevel takes errors")]
    dotfiles: Annotated[
        bool | None,
        about(
            "/.git/config, /.env or /.htpasswd would be served if they are there; none if an expression was not "
            "understood"
        ),
    ]
    root: Annotated[str, about("DocumentRoot")]
    root_writable: Annotated[
        bool | None,
        about("The user of Apache may write in DocumentRoot; none if there is no such folder or user"),
    ]


@topic("apache.servers")
class ApacheServers(msgspec.Struct, frozen=True):
    """Apache httpd as configured, includes and conditions resolved."""

    installed: Annotated[bool, about("The program is there", source="usr/sbin/apache2, usr/sbin/httpd")]
    user: Annotated[str, about("User", source="etc/apache2/apache2.conf or etc/httpd/conf/httpd.conf")] = ""
    modules: Annotated[list[str], about("Modules loaded, as ssl, headers, status", source="LoadModule")] = []
    tokens: Annotated[str, about("ServerTokens, lower case")] = "full"
    signature: Annotated[bool, about("ServerSignature is not off")] = False
    timeout: Annotated[int, about("Timeout", unit="s")] = 60
    idle_timeout: Annotated[int, about("KeepAliveTimeout", unit="s")] = 5
    slow_requests_ended: Annotated[bool, about("mod_reqtimeout bounds how long header and body may take")] = (
        False
    )
    body_limit: Annotated[
        int | None,
        about("LimitRequestBody; 0: no limit; none if not named (1 GiB since 2.4.53)", unit="bytes"),
    ] = None
    client_limits: Annotated[
        bool, about("A module that limits connections or requests of one client is loaded (qos, evasive20)")
    ] = False
    root_closed: Annotated[bool, about("<Directory /> refuses everything and takes no .htaccess files")] = (
        False
    )
    listed: Annotated[list[str], about("Folders that mod_autoindex may list (Options Indexes)")] = []
    status_open: Annotated[
        list[str], about("Places of server-status, server-info and balancer-manager that everybody may ask")
    ] = []
    sites: Annotated[list[ApacheSite], about("Virtual hosts in file order")] = []
