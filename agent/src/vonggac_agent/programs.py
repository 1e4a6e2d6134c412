"""The programs that facts run, with all their arguments. What they print is read by the modules under `facts/`.

Nothing else is run but what the machine's owner allows (`owned`), and systemd-creds (`sealing`).
"""

from __future__ import annotations

from typing import Final, Literal

_DNF_FORMAT: Final = r"%{name}\t%{evr}\t%{arch}\t%{repoid}\n"
AUDIT_STATUS: Final = ("auditctl", "-s")
AUDIT_RULES: Final = ("auditctl", "-l")
DNF_NEWEST: Final = ("dnf", "-q", "-C", "repoquery", "--upgrades", "--latest-limit=1", "--qf", _DNF_FORMAT)
DNF_SECURITY: Final = ("dnf", "-q", "-C", "repoquery", "--upgrades", "--security", "--qf", _DNF_FORMAT)
NFT_LIST: Final = ("nft", "-j", "-t", "list", "ruleset")
"""-t leaves the elements of sets out: there may be hundreds of thousands."""
IPTABLES_SAVE: Final[dict[Literal["ip", "ip6"], tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "ip": (("iptables-legacy-save",), ("iptables-save",)),
    "ip6": (("ip6tables-legacy-save",), ("ip6tables-save",)),
}
"""The old interface's program, and the common one."""
RPM_QUERY: Final = (
    "rpm",
    "-qa",
    "--qf",
    r"%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\n",
)
SSHD_TEST: Final = ("sshd", "-T")
ALL: Final = frozenset(
    {
        *(AUDIT_STATUS, AUDIT_RULES, DNF_NEWEST, DNF_SECURITY, NFT_LIST, RPM_QUERY, SSHD_TEST),
        *(argv for programs in IPTABLES_SAVE.values() for argv in programs),
    }
)
