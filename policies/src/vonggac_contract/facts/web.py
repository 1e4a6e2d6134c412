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
        list[str],
        about(
            "ssl_protocols; where none are named nginx's own default, as far as OpenSSL's security level lets it"
        ),
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
    protocols: Annotated[
        list[str], about("What SSLProtocol comes to; without one what OpenSSL's own settings leave")
    ]
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


class PhpInstallation(msgspec.Struct, frozen=True):
    """PHP as one program or one pool runs it. A setting that no file names has PHP's own default."""

    sapi: Annotated[str, about("How it runs: fpm, apache2, cgi, cli")]
    version: Annotated[str, about("Version in the name of the folder; empty where there is only one")]
    pool: Annotated[str, about("Pool of FPM; empty for others")]
    user: Annotated[str, about("User of the pool; empty for others", source="pool.d/*.conf")]
    source: Annotated[str, about("Its php.ini; the files of its folder for more come after it")]
    web: Annotated[bool, about("Answers requests of others, which the command line does not")]
    exposed: Annotated[bool, about("expose_php: names itself in a header")]
    errors_shown: Annotated[bool, about("display_errors or display_startup_errors")]
    errors_logged: Annotated[bool, about("log_errors")]
    includes_urls: Annotated[bool, about("allow_url_include: code may be taken from an address")]
    opens_urls: Annotated[bool, about("allow_url_fopen: files may be opened by an address")]
    base_folders: Annotated[list[str], about("open_basedir: only files in these folders; empty: all files")]
    disabled_functions: Annotated[list[str], about("disable_functions")]
    uploads: Annotated[bool, about("file_uploads")]
    upload_limit: Annotated[int, about("upload_max_filesize", unit="bytes")]
    body_limit: Annotated[int, about("post_max_size; 0: no limit", unit="bytes")]
    memory_limit: Annotated[int, about("memory_limit; -1: no limit", unit="bytes", below_zero=True)]
    cookie_secure: Annotated[bool, about("session.cookie_secure")]
    cookie_httponly: Annotated[bool, about("session.cookie_httponly")]
    cookie_samesite: Annotated[str, about("session.cookie_samesite, lower case; empty: not sent")]
    strict_sessions: Annotated[bool, about("session.use_strict_mode and use_only_cookies")]
    session_seconds: Annotated[int, about("session.gc_maxlifetime: unused sessions end after it", unit="s")]


@topic("php.installations")
class PhpInstallations(msgspec.Struct, frozen=True):
    """PHP with its settings, one entry for each program and each FPM pool."""

    installed: Annotated[
        bool, about("At least one program of PHP with its php.ini is there", source="etc/php*")
    ]
    installations: Annotated[
        list[PhpInstallation], about("Programs and pools", source="php.ini, conf.d, pool.d")
    ] = []


class TomcatConnector(msgspec.Struct, frozen=True):
    """One <Connector> of server.xml."""

    port: Annotated[int, about("port")]
    protocol: Annotated[str, about("protocol as written")]
    address: Annotated[str, about("address; empty: every address, for AJP loopback only")]
    local: Annotated[bool, about("Only on loopback addresses of this machine")]
    tls: Annotated[bool, about("SSLEnabled")]
    ajp: Annotated[bool, about("Speaks AJP")]
    secret: Annotated[bool, about("AJP with a `secret` (the secret itself is not kept)")]
    protocols: Annotated[
        list[str], about("Versions of TLS in `protocols` or `sslEnabledProtocols`; by default 1.2 and 1.3")
    ]
    weak_ciphers: Annotated[list[str], about("Words of `ciphers` that let in weak suites")]
    idle_timeout: Annotated[
        int, about("keepAliveTimeout, else connectionTimeout (20 s); -1: none", unit="s", below_zero=True)
    ]
    trace: Annotated[bool, about("allowTrace")]


class TomcatUser(msgspec.Struct, frozen=True):
    """One account of tomcat-users.xml; its password is compared and not kept."""

    name: Annotated[str, about("username")]
    roles: Annotated[list[str], about("roles")]
    guessable: Annotated[
        bool, about("Its password is empty, its own name, or one that documentation and examples print")
    ]
    plain: Annotated[bool, about("Its password stands there in clear, not as a digest")]


class TomcatServer(msgspec.Struct, frozen=True):
    """One server.xml with what belongs to it."""

    source: Annotated[str, about("Its server.xml")]
    shutdown_port: Annotated[int, about("Port that takes the shutdown command; -1: none", below_zero=True)]
    shutdown_default: Annotated[bool, about("The command is the word of the documentation, SHUTDOWN")]
    connectors: Annotated[list[TomcatConnector], about("Connectors in file order")]
    auto_deploy: Annotated[
        bool, about("A Host takes up what is put into its folder while it runs (autoDeploy)")
    ]
    access_logged: Annotated[bool, about("An AccessLogValve for the Engine or every Host")]
    log_fields: Annotated[
        list[str], about("Items of the patterns of the access logs: letters (h, u, t, r, s), {user-agent}i")
    ]
    tells_version: Annotated[
        bool, about("Pages of errors name the version (no ErrorReportValve with showServerInfo=false)")
    ]
    lockout_after: Annotated[
        int | None, about("Failures of LockOutRealm until a user is locked; none: no such realm")
    ]
    lockout_seconds: Annotated[int | None, about("How long LockOutRealm locks", unit="s")]
    session_seconds: Annotated[
        int,
        about("session-timeout of web.xml; 0 or less: never", unit="s", source="web.xml", below_zero=True),
    ]
    listings: Annotated[bool, about("The default servlet lists folders", source="web.xml")]
    managers: Annotated[list[str], about("Applications that administer Tomcat: manager, host-manager")]
    managers_open: Annotated[
        list[str], about("Those among them that take administrators from every address (no valve names any)")
    ]
    users: Annotated[list[TomcatUser], about("Accounts", source="tomcat-users.xml")]
    user: Annotated[str, about("User of the service; empty if no unit names one", source="systemd units")]


@topic("tomcat.servers", privileged=True)
class TomcatServers(msgspec.Struct, frozen=True):
    """Apache Tomcat as configured."""

    installed: Annotated[bool, about("At least one server.xml with its program is there")]
    servers: Annotated[list[TomcatServer], about("One for each server.xml")] = []
