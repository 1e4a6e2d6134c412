"""Facts about who may come in: accounts, password policy, sudo, the SSH server."""

from datetime import date
from typing import Annotated, Literal

import msgspec

from .base import about, topic


class Account(msgspec.Struct, frozen=True):
    """One local account. Password hashes never leave the parser: only their state and scheme do."""

    name: Annotated[str, about("Login name", source="etc/passwd")]
    uid: Annotated[int, about("User number")]
    gid: Annotated[int, about("Primary group's number")]
    shell: Annotated[str, about("Login shell")]
    home: Annotated[str, about("Home directory")]
    system: Annotated[bool, about("Below UID_MIN of login.defs, or nobody", source="etc/login.defs")]
    can_log_in: Annotated[
        bool, about("Has a shell that is not nologin or false, and a password or key could let it in")
    ]
    groups: Annotated[list[str], about("Every group it is in", source="etc/group")]
    password: Annotated[
        Literal["set", "empty", "locked", "none", "not-seen"],
        about(
            "State of the password; not-seen: the shadow file could not be read",
            source="etc/shadow",
            unseen=("not-seen",),
        ),
    ]
    scheme: Annotated[
        str, about("Hash scheme: yescrypt, sha512, sha256, md5, des, …; empty if there is no hash")
    ] = ""
    changed: Annotated[date | None, about("Last change of the password")] = None
    maximum_age: Annotated[int | None, about("Days until it must be changed; none: never", unit="days")] = (
        None
    )
    inactive_after: Annotated[
        int | None, about("Days after expiry until the account is shut", unit="days")
    ] = None
    expires: Annotated[date | None, about("Day on which the account ends")] = None
    last_login: Annotated[
        date | None,
        about(
            "Day of the last login that lastlog or wtmp knows; none: none known",
            source="var/log/lastlog, wtmp",
        ),
    ] = None
    authorized_keys: Annotated[int | None, about("Keys in its authorized_keys; none if not readable")] = None


@topic("account.users", privileged=True)
class Accounts(msgspec.Struct, frozen=True):
    """Every local account."""

    accounts: Annotated[list[Account], about("Local accounts in file order")]
    administrators: Annotated[list[str], about("Accounts with UID 0, or in sudo, wheel or admin")]


@topic("account.policy")
class AccountPolicy(msgspec.Struct, frozen=True):
    """What the machine demands of passwords and logins (login.defs, PAM, pwquality, faillock)."""

    maximum_age: Annotated[
        int | None,
        about("PASS_MAX_DAYS for new accounts", unit="days", source="etc/login.defs", below_zero=True),
    ] = None
    minimum_length: Annotated[
        int | None,
        about(
            "Shortest password that PAM accepts; none if nothing asks",
            source="pam_pwquality, pam_unix, pwquality.conf",
        ),
    ] = None
    minimum_classes: Annotated[
        int | None, about("Classes of characters asked for (minclass, or credits below 0)")
    ] = None
    history: Annotated[
        int | None, about("Old passwords that are refused", source="pam_pwhistory, pam_unix remember")
    ] = None
    lockout_after: Annotated[
        int | None, about("Failures until the account is locked", source="pam_faillock, pam_tally2")
    ] = None
    lockout_seconds: Annotated[
        int | None, about("How long it stays locked; 0: until an administrator", unit="s")
    ] = None
    scheme: Annotated[str, about("Hash scheme of new passwords", source="pam_unix, ENCRYPT_METHOD")] = ""
    umask: Annotated[str, about("UMASK for new files", source="etc/login.defs")] = ""
    session_timeout: Annotated[
        int | None,
        about(
            "TMOUT that every shell gets; none if not set",
            unit="s",
            source="etc/profile, etc/profile.d, etc/bash.bashrc",
        ),
    ] = None


class SudoRule(msgspec.Struct, frozen=True):
    """One rule of sudoers."""

    who: Annotated[str, about("User, %group or alias")]
    hosts: Annotated[str, about("Host list")]
    run_as: Annotated[str, about("Run-as list")]
    commands: Annotated[str, about("Commands; of their arguments wildcards only, … for others")]
    no_password: Annotated[bool, about("Carries NOPASSWD or !authenticate")]
    everything: Annotated[bool, about("Allows every command")]
    source: Annotated[str, about("File and line")]
    everybody: Annotated[bool | None, about("It is for all users")] = None
    as_root: Annotated[bool | None, about("Root is among those one may become")] = None
    negated: Annotated[list[str], about("Commands taken out of ALL by a !, which forbids nothing")] = []
    wildcards: Annotated[list[str], about("Commands whose path or arguments hold * or ?")] = []
    escapes: Annotated[
        list[str],
        about(
            "Programs among the commands that start a shell or other programs: shells, and without NOEXEC others"
        ),
    ] = []


@topic("sudo.rules", privileged=True)
class SudoRules(msgspec.Struct, frozen=True):
    """Who may become whom, with includes followed."""

    rules: Annotated[list[SudoRule], about("Rules in order", source="etc/sudoers, etc/sudoers.d")]
    use_pty: Annotated[bool, about("Defaults use_pty")]
    logged: Annotated[bool, about("Defaults logfile or syslog (syslog is on unless switched off)")]
    timestamp_minutes: Annotated[
        int,
        about(
            "How long sudo remembers (timestamp_timeout); negative: for ever", unit="minutes", below_zero=True
        ),
    ]
    log_output: Annotated[bool | None, about("Defaults log_output: what is shown in a session is kept")] = (
        None
    )
    secure_path: Annotated[bool | None, about("Defaults secure_path: commands are looked for there only")] = (
        None
    )
    asks_other: Annotated[
        bool | None, about("Defaults targetpw or rootpw: not the user's own password is asked for")
    ] = None


@topic("sshd.effective", privileged=True)
class SshdEffective(msgspec.Struct, frozen=True):
    """Settings of the SSH server outside Match blocks, under their names in `sshd -T`."""

    obtained: Annotated[Literal["effective", "parsed"], about("Told by `sshd -T`, or read from the files")]
    permitrootlogin: Annotated[
        Literal["yes", "no", "prohibit-password", "forced-commands-only"],
        about("Root by SSH (without-password reads as prohibit-password)"),
    ]
    passwordauthentication: Annotated[bool, about("Passwords accepted")]
    kbdinteractiveauthentication: Annotated[bool, about("Keyboard-interactive accepted")]
    pubkeyauthentication: Annotated[bool, about("Keys accepted")]
    permitemptypasswords: Annotated[bool, about("Empty passwords accepted")]
    x11forwarding: Annotated[bool, about("X11 forwarding")]
    allowtcpforwarding: Annotated[Literal["yes", "no", "local", "remote"], about("TCP forwarding")]
    permituserenvironment: Annotated[str, about("User environment files are read")]
    ignorerhosts: Annotated[Literal["yes", "no", "shosts-only"], about("rhosts files ignored")]
    hostbasedauthentication: Annotated[bool, about("Host-based authentication")]
    usepam: Annotated[bool, about("PAM used")]
    maxauthtries: Annotated[int, about("Tries per connection")]
    maxsessions: Annotated[int, about("Sessions per connection")]
    logingracetime: Annotated[int, about("Time to log in; 0: no limit", unit="s")]
    clientaliveinterval: Annotated[int, about("Seconds between keep-alive questions; 0: never", unit="s")]
    clientalivecountmax: Annotated[int, about("Unanswered questions until the session is closed")]
    loglevel: Annotated[str, about("Log level, upper case")]
    banner: Annotated[str, about("Banner file; none if there is none")]
    ports: Annotated[list[int], about("Ports it listens on")]
    ciphers: Annotated[list[str], about("Ciphers offered")]
    macs: Annotated[list[str], about("MACs offered")]
    kexalgorithms: Annotated[list[str], about("Key exchanges offered")]
    hostkeyalgorithms: Annotated[list[str], about("Host key algorithms offered")]
    allowusers: Annotated[list[str], about("Only these users, if any is named")]
    allowgroups: Annotated[list[str], about("Only these groups, if any is named")]
    match_blocks: Annotated[int, about("Match blocks in the files, which may say otherwise for some")] = 0
    allowagentforwarding: Annotated[bool | None, about("Key agents forwarded")] = None
    permittunnel: Annotated[
        Literal["yes", "no", "point-to-point", "ethernet"] | None, about("Network tunnels (tun devices)")
    ] = None
    gatewayports: Annotated[
        Literal["yes", "no", "clientspecified"] | None, about("Others may use forwarded ports")
    ] = None
    disableforwarding: Annotated[bool | None, about("Every kind of forwarding switched off at once")] = None
    strictmodes: Annotated[bool | None, about("Owners and modes of users' files checked")] = None
    permituserrc: Annotated[bool | None, about("Users' .ssh/rc is run")] = None
    gssapiauthentication: Annotated[bool | None, about("Kerberos tickets accepted (GSSAPI)")] = None
    startups_begin: Annotated[
        int | None,
        about("Logins under way from which new ones are turned away by chance", source="MaxStartups"),
    ] = None
    startups_full: Annotated[
        int | None, about("Logins under way at which every new one is turned away", source="MaxStartups")
    ] = None
    authenticationmethods: Annotated[
        list[str], about("Lists of methods, each enough by itself; any: one method is enough")
    ] = []
    denyusers: Annotated[list[str], about("Never these users")] = []
    denygroups: Annotated[list[str], about("Never these groups")] = []
    authorizedkeysfile: Annotated[list[str], about("Where users' keys are looked for")] = []
    keys_command: Annotated[
        bool | None, about("A program tells users' keys", source="AuthorizedKeysCommand")
    ] = None
    user_authorities: Annotated[
        bool | None, about("Users' certificates are trusted", source="TrustedUserCAKeys")
    ] = None
