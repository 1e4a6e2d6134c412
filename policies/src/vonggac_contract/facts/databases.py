"""Database servers: PostgreSQL, MySQL and MariaDB, Redis, MongoDB, Elasticsearch."""

from typing import Annotated, Literal

import msgspec

from .base import about, topic


class PostgresAccess(msgspec.Struct, frozen=True):
    """One record of pg_hba.conf, without its options."""

    line: Annotated[int, about("Line of its file")]
    type: Annotated[str, about("local, host, hostssl, hostnossl, hostgssenc, hostnogssenc")]
    databases: Annotated[list[str], about("Databases, or all, sameuser, samerole, replication")]
    users: Annotated[list[str], about("Users, +roles, or all")]
    address: Annotated[str, about("Address, network, name; empty for local")]
    scope: Annotated[
        Literal["socket", "loopback", "private", "public", "any"], about("Where clients may come from")
    ]
    method: Annotated[str, about("trust, reject, scram-sha-256, md5, password, peer, cert, ldap, …")]
    encrypted: Annotated[bool, about("Only over TLS or GSSAPI encryption")]
    superusers: Annotated[bool, about("Its users are all, or postgres is among them")]


class PostgresCluster(msgspec.Struct, frozen=True):
    """One cluster of PostgreSQL. A setting that no file names has the default of its version."""

    name: Annotated[str, about("Version and name, or its folder")]
    source: Annotated[str, about("Its postgresql.conf; includes and postgresql.auto.conf are read after it")]
    version: Annotated[str, about("Major version", source="folder's name, PG_VERSION")]
    listens: Annotated[list[str], about("listen_addresses")]
    remote: Annotated[bool, about("Listens on other addresses than loopback")]
    port: Annotated[int, about("port")]
    tls: Annotated[bool, about("ssl")]
    tls_versions: Annotated[list[str], about("Versions from ssl_min_protocol_version on")]
    weak_ciphers: Annotated[list[str], about("Words of ssl_ciphers that let weak suites in")]
    key_exposed: Annotated[
        bool | None, about("Everybody on the machine may read ssl_key_file; none if that was not seen")
    ]
    password_scheme: Annotated[str, about("password_encryption: scram-sha-256 or md5")]
    connections_logged: Annotated[bool, about("log_connections")]
    disconnections_logged: Annotated[bool, about("log_disconnections")]
    statements_logged: Annotated[str, about("log_statement: none, ddl, mod, all")]
    log_fields: Annotated[list[str], about("Escapes of log_line_prefix without %: m, t, u, d, h, r, p …")]
    preloaded: Annotated[list[str], about("shared_preload_libraries")]
    audited: Annotated[list[str], about("pgaudit.log, lower case: read, write, ddl, role, all, -misc …")]
    idle_seconds: Annotated[int, about("idle_session_timeout; 0: never", unit="s")]
    connections: Annotated[int, about("max_connections")]
    data_closed: Annotated[
        bool | None,
        about("The data folder is closed to others and not writable by its group; none if not there"),
    ]
    access: Annotated[list[PostgresAccess], about("Records in order", source="pg_hba.conf")]


@topic("postgresql.clusters", privileged=True)
class PostgresClusters(msgspec.Struct, frozen=True):
    """Every cluster of PostgreSQL as configured."""

    installed: Annotated[bool, about("The server's program is there")]
    clusters: Annotated[
        list[PostgresCluster], about("Clusters", source="etc/postgresql/*/*, var/lib/pgsql")
    ] = []


@topic("mysql.server")
class MysqlServer(msgspec.Struct, frozen=True):
    """MySQL or MariaDB as its option files start it; a setting that no file names has the maker's default."""

    installed: Annotated[bool, about("The program is there", source="usr/sbin/mariadbd, usr/sbin/mysqld")]
    product: Annotated[Literal["mysql", "mariadb", ""], about("Whose server it is")] = ""
    addresses: Annotated[
        list[str], about("bind-address; * for all; empty without networking", source="my.cnf and includes")
    ] = []
    remote: Annotated[bool, about("Listens on other addresses than loopback")] = False
    port: Annotated[int, about("port")] = 3306
    tls: Annotated[bool, about("A certificate and key are named, or the server makes its own (MySQL)")] = (
        False
    )
    tls_demanded: Annotated[bool, about("require_secure_transport")] = False
    tls_versions: Annotated[list[str], about("tls_version")] = []
    weak_ciphers: Annotated[list[str], about("Words of ssl_cipher that let weak suites in")] = []
    local_files: Annotated[bool, about("local_infile: a client may be asked for its files")] = False
    file_folder: Annotated[
        str,
        about(
            "secure_file_priv: the only folder of files read and written; none: not at all; empty: anywhere"
        ),
    ] = ""
    files_anywhere: Annotated[bool, about("secure_file_priv is empty: files may be anywhere")] = False
    grants_skipped: Annotated[bool, about("skip-grant-tables: nobody is asked for a password")] = False
    symbolic_links: Annotated[bool, about("symbolic-links")] = False
    user: Annotated[str, about("user in the option files; the unit decides where it is empty")] = ""
    error_log: Annotated[str, about("log_error; empty: standard error, which is the journal's")] = ""
    statements_logged: Annotated[bool, about("general_log")] = False
    plugins: Annotated[list[str], about("Plugins that option files load")] = []
    audited: Annotated[
        bool, about("server_audit with server_audit_logging, or audit_log, is loaded by an option file")
    ] = False
    audit_events: Annotated[list[str], about("server_audit_events, lower case; empty: all")] = []
    password_checks: Annotated[list[str], about("Plugins that check new passwords")] = []
    password_days: Annotated[int, about("default_password_lifetime; 0: never", unit="days")] = 0
    failures_blocked: Annotated[
        int,
        about("max_password_errors of MariaDB: failures until an account is blocked; 0: not known to MySQL"),
    ] = 0
    idle_seconds: Annotated[int, about("The longer of wait_timeout and interactive_timeout", unit="s")] = (
        28800
    )
    connections: Annotated[int, about("max_connections")] = 151
    user_connections: Annotated[int, about("max_user_connections; 0: no limit")] = 0
    data_closed: Annotated[
        bool | None,
        about("The data folder is closed to others and not writable by its group; none if not there"),
    ] = None


class RedisServer(msgspec.Struct, frozen=True):
    """One configuration of Redis or Valkey."""

    source: Annotated[str, about("Its file")]
    addresses: Annotated[list[str], about("bind; empty: every address")]
    remote: Annotated[bool, about("Listens on other addresses than loopback")]
    port: Annotated[int, about("Port without TLS; 0: none")]
    tls_port: Annotated[int, about("Port with TLS; 0: none")]
    tls_versions: Annotated[list[str], about("tls-protocols; by default 1.2 and 1.3")]
    protected: Annotated[bool, about("protected-mode: without a password it answers loopback only")]
    password: Annotated[
        bool, about("requirepass, or the user default of the ACL is off or has a password (neither is kept)")
    ]
    named_users: Annotated[int, about("Users of the ACL other than default")]
    disabled_commands: Annotated[
        list[str], about("Of config, debug, flushall, flushdb, module, replicaof, shutdown: those renamed")
    ]
    idle_seconds: Annotated[int, about("timeout; 0: never", unit="s")]
    clients: Annotated[int, about("maxclients")]
    log_file: Annotated[str, about("logfile; empty: standard output, which is the journal's")]
    syslog: Annotated[bool, about("syslog-enabled")]
    user: Annotated[str, about("User of the service; empty if no unit names one", source="systemd units")]


@topic("redis.servers", privileged=True)
class RedisServers(msgspec.Struct, frozen=True):
    """Redis and Valkey as configured."""

    installed: Annotated[bool, about("The program is there", source="usr/bin/redis-server")]
    servers: Annotated[list[RedisServer], about("One for each configuration", source="etc/redis/*.conf")] = []


@topic("mongodb.server")
class MongodbServer(msgspec.Struct, frozen=True):
    """MongoDB as its file starts it."""

    installed: Annotated[bool, about("The program is there", source="usr/bin/mongod")]
    addresses: Annotated[list[str], about("net.bindIp; * for bindIpAll", source="etc/mongod.conf")] = []
    remote: Annotated[bool, about("Listens on other addresses than loopback")] = False
    authorization: Annotated[
        bool, about("security.authorization, or a key file or certificates among the members")
    ] = False
    tls: Annotated[str, about("net.tls.mode: disabled, allowTLS, preferTLS, requireTLS (or …SSL)")] = (
        "disabled"
    )
    audited: Annotated[bool, about("auditLog.destination is named")] = False
    data_closed: Annotated[
        bool | None,
        about("The data folder is closed to others and not writable by its group; none if not there"),
    ] = None


@topic("elasticsearch.server", privileged=True)
class ElasticsearchServer(msgspec.Struct, frozen=True):
    """Elasticsearch, or OpenSearch that came of it, as its file starts it."""

    installed: Annotated[
        bool, about("The program is there", source="usr/share/elasticsearch, usr/share/opensearch")
    ]
    product: Annotated[Literal["elasticsearch", "opensearch", ""], about("Which of the two")] = ""
    addresses: Annotated[
        list[str], about("http.host, else network.host", source="etc/elasticsearch/elasticsearch.yml")
    ] = []
    remote: Annotated[bool, about("Listens on other addresses than loopback")] = False
    authentication: Annotated[
        bool, about("The security features are on (by default since 8.0) and nobody comes in anonymously")
    ] = False
    tls: Annotated[bool, about("xpack.security.http.ssl.enabled, or that of OpenSearch")] = False
    audited: Annotated[bool, about("xpack.security.audit.enabled, or that of OpenSearch")] = False
