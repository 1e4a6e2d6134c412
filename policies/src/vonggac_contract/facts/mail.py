"""Facts about mail: servers that pass messages on (Postfix, Exim), and the one that hands them out (Dovecot)."""

from typing import Annotated, Literal

import msgspec

from .base import about, topic


class MailServer(msgspec.Struct, frozen=True):
    """One server that speaks SMTP, its settings under one set of names; none where a program has no such switch."""

    program: Annotated[Literal["postfix", "exim"], about("Program")]
    reachable: Annotated[
        bool,
        about(
            "It listens on more than loopback",
            source="inet_interfaces; dc_local_interfaces, local_interfaces",
        ),
    ]
    open_relay: Annotated[
        bool,
        about(
            "It passes on anybody's mail to anywhere",
            source="smtpd_relay_restrictions, smtpd_recipient_restrictions, mynetworks; dc_relay_nets",
        ),
    ]
    tls: Annotated[
        Literal["off", "offered", "required"],
        about(
            "TLS towards those who deliver on port 25; offered is what the Internet's mail needs",
            source="smtpd_tls_security_level; MAIN_TLS_ENABLE, tls_advertise_hosts",
        ),
    ]
    clear_passwords: Annotated[
        bool,
        about(
            "Some listener asks for passwords without TLS",
            source="smtpd_sasl_auth_enable without smtpd_tls_auth_only, encrypt or wrappermode; "
            "AUTH_SERVER_ALLOW_NOTLS_PASSWORDS",
        ),
    ]
    old_tls: Annotated[
        bool | None,
        about("TLS older than 1.2 is accepted", source="smtpd_tls_protocols, smtpd_tls_mandatory_protocols"),
    ]
    outbound_tls: Annotated[
        bool | None,
        about("It uses TLS to pass mail on where the other side can", source="smtp_tls_security_level"),
    ]
    verify: Annotated[
        bool, about("VRFY tells whether a mailbox exists", source="disable_vrfy_command; acl_smtp_vrfy")
    ]
    banner_tells: Annotated[
        bool,
        about(
            "The greeting names the program, its version or the system", source="smtpd_banner; smtp_banner"
        ),
    ]
    scanners: Annotated[
        list[str],
        about(
            "What looks for malware in messages: clamav-milter, amavis, rspamd with its antivirus module, clamd, …",
            source="milters, content_filter; av_scanner",
        ),
    ]
    connection_limit: Annotated[
        int,
        about(
            "Most connections of one client at once; 0: no limit",
            source="smtpd_client_connection_count_limit",
        ),
    ]
    login_limit: Annotated[
        int | None,
        about(
            "Most tries to log in by one client in a minute; 0: no limit; none: no service takes logins, or Exim",
            source="smtpd_client_auth_rate_limit, smtpd_sasl_auth_enable",
        ),
    ]
    size_limit: Annotated[
        int, about("Largest message; 0: no limit", unit="bytes", source="message_size_limit")
    ]
    signs: Annotated[bool, about("It signs with DKIM", source="opendkim or rspamd among the milters")]
    checks_senders: Annotated[
        bool, about("SPF or DMARC of senders is checked", source="policy services, opendmarc, rspamd")
    ]


@topic("mail.transfer", main="servers")
class MailTransfer(msgspec.Struct, frozen=True):
    """Mail servers that are installed."""

    servers: Annotated[
        list[MailServer], about("Postfix and Exim", source="main.cf, master.cf; exim4, exim.conf")
    ]


@topic("dovecot.server", main="installed")
class DovecotServer(msgspec.Struct, frozen=True):
    """The IMAP and POP3 server's settings outside of blocks, dovecot.conf with includes."""

    installed: Annotated[bool, about("dovecot is there", source="usr/sbin/dovecot")]
    protocols: Annotated[list[str], about("imap, pop3, lmtp, submission, …", source="protocols")] = []
    ssl: Annotated[
        Literal["no", "yes", "required"], about("Whether TLS is used", source="ssl; by default yes")
    ] = "yes"
    min_protocol: Annotated[str, about("Oldest TLS version", source="ssl_min_protocol")] = "TLSv1.2"
    clear_passwords: Annotated[
        bool,
        about("Passwords are taken without TLS", source="disable_plaintext_auth, auth_allow_cleartext"),
    ] = False
    failure_delay: Annotated[
        int, about("Wait after a failed login", unit="s", source="auth_failure_delay")
    ] = 2
    user_connections: Annotated[
        int, about("Most connections of one user from one address", source="mail_max_userip_connections")
    ] = 10
    logs_logins: Annotated[
        bool, about("Failed logins are logged with their reason", source="auth_verbose")
    ] = False
    logs_passwords: Annotated[
        bool, about("Passwords get into the log", source="auth_debug_passwords, auth_verbose_passwords=plain")
    ] = False
    trusted_networks: Annotated[
        list[str], about("Networks that may log in as they like", source="login_trusted_networks")
    ] = []
