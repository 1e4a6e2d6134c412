"""Facts about SSH beyond the server's settings for everybody: Match blocks, keys on both sides, the client."""

from typing import Annotated, Literal

import msgspec

from .base import about, topic
from .files import Permission

Loosened = Literal[
    "root-login",
    "password",
    "keyboard-interactive",
    "empty-passwords",
    "host-based",
    "methods",
    "user-environment",
    "agent-forwarding",
    "tcp-forwarding",
    "x11-forwarding",
    "tunnel",
]


class MatchBlock(msgspec.Struct, frozen=True):
    """One Match block of the SSH server's files."""

    criteria: Annotated[str, about("For whom it holds, as written")]
    loosens: Annotated[
        list[Loosened], about("What it allows that is not allowed to everybody; methods: fewer factors asked")
    ]


@topic("sshd.match", privileged=True)
class SshdMatch(msgspec.Struct, frozen=True):
    """Where the SSH server's settings are looser for some users, groups or addresses than for the rest."""

    blocks: Annotated[
        list[MatchBlock], about("Match blocks in file order", source="etc/ssh/sshd_config and its includes")
    ]


class HostKey(msgspec.Struct, frozen=True):
    """One key by which the server shows who it is."""

    path: Annotated[str, about("File of the private key")]
    type: Annotated[
        str,
        about("rsa, dsa, ecdsa, ed25519, …; unknown if there is no file .pub beside it", unseen=("unknown",)),
    ]
    bits: Annotated[int, about("Length of the key; 0 if not known", unit="bits")]


@topic("sshd.host-keys")
class SshdHostKeys(msgspec.Struct, frozen=True):
    """The SSH server's own keys; only the public files are read."""

    keys: Annotated[list[HostKey], about("Keys that are set and there", source="etc/ssh/*.pub, HostKey")]


class KeyFile(msgspec.Struct, frozen=True):
    """One authorized_keys file."""

    account: Annotated[str, about("Account whose file it is")]
    path: Annotated[str, about("Where it is")]
    owned: Annotated[
        bool | None,
        about("File, .ssh and home belong to the account or to root; none: they could not be looked at"),
    ]
    permissions: Annotated[list[Permission], about("Permissions of the file")]
    writers: Annotated[
        list[str], about("Of the file, its directory and home: those that group or others can write to")
    ]
    content: Annotated[
        Literal["keys", "no-file", "too-large", "not-seen"],
        about(
            "keys: it was read; no-file: a pipe, folder, device or loop of links, which sshd would not read; "
            "too-large: over 256 KiB or 4,000 keys; not-seen: closed even to root",
            unseen=("not-seen",),
        ),
    ] = "keys"


class AuthorizedKey(msgspec.Struct, frozen=True):
    """One key that lets its holder in, or a file of keys that was not read. The key itself never leaves the parser."""

    account: Annotated[str, about("Account it lets in")]
    path: Annotated[str, about("File and line; the file alone where its keys were not read")]
    administrator: Annotated[bool, about("The account has UID 0, or is in sudo, wheel or admin")]
    type: Annotated[
        str,
        about(
            "rsa, dsa, ecdsa, ed25519, sk-ed25519, …; not-seen: whatever keys the file holds",
            unseen=("not-seen",),
        ),
    ] = "not-seen"
    bits: Annotated[int | None, about("Length of the key", unit="bits")] = None
    limited_sources: Annotated[bool | None, about("Holds only from named addresses (from=)")] = None
    limited_command: Annotated[bool | None, about("Starts one command only (command=)")] = None
    restricted: Annotated[bool | None, about("Carries restrict: no forwarding, no terminal")] = None


@topic("account.keys", privileged=True)
class AccountKeys(msgspec.Struct, frozen=True):
    """Keys that let people in by SSH, of every account with a shell."""

    files: Annotated[list[KeyFile], about("Their files", source="AuthorizedKeysFile of sshd_config")]
    keys: Annotated[list[AuthorizedKey], about("Keys in file order", source="sshd(8) AUTHORIZED_KEYS")]


class ClientSection(msgspec.Struct, frozen=True):
    """What one Host or Match section, or the part before the first (for every host), says; empty: nothing."""

    hosts: Annotated[str, about("Patterns of Host, criteria of Match; * for every host")]
    host_key_check: Annotated[
        Literal["", "yes", "ask", "accept-new", "no"], about("StrictHostKeyChecking (off reads as no)")
    ]
    forgets_hosts: Annotated[bool, about("UserKnownHostsFile leads to /dev/null or none")]
    forward_agent: Annotated[Literal["", "yes", "no"], about("ForwardAgent; a socket's name reads as yes")]
    forward_x11: Annotated[Literal["", "yes", "no"], about("ForwardX11")]
    local_command: Annotated[Literal["", "yes", "no"], about("PermitLocalCommand")]
    hash_known_hosts: Annotated[Literal["", "yes", "no"], about("HashKnownHosts")]
    ciphers: Annotated[list[str], about("Ciphers, as written, sign before the list kept")]


@topic("ssh.client")
class SshClient(msgspec.Struct, frozen=True):
    """The SSH client's settings for all users of the machine."""

    installed: Annotated[bool, about("The client is there", source="usr/bin/ssh")]
    sections: Annotated[
        list[ClientSection], about("Sections in file order", source="etc/ssh/ssh_config and its includes")
    ]
