"""Running systems written by hand: what only /proc, /sys and programs tell, which no test's folder holds."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

from tests.fuzz.machines import SEPARATOR, Answers, WrittenHost, answers, selector, written
from tests.fuzz.record import listen
from tests.unit.facts.imagined import keys_of
from tests.unit.facts.roots import FIXTURES

from vonggac_agent import programs
from vonggac_agent.facts import GATHERERS
from vonggac_contract.facts import CouldNotLook

RELEASE: Final = os.uname().release
PROCESSES: Final = {"1": "systemd", "7": "sshd", "8": "appd"}
COMMON: Final[Answers] = {
    "n/proc": "/".join(PROCESSES).encode(),
    **{f"f/proc/{number}/comm": f"{name}\n".encode() for number, name in PROCESSES.items()},
    "f/proc/1/cgroup": b"0::/init.scope\n",
    "f/proc/7/cgroup": b"0::/system.slice/ssh.service\n",
    "f/proc/8/cgroup": b"1:name=systemd:/system.slice/appd.service\n",
    "f/proc/1/environ": b"container=lxc\0",
    "f/proc/stat": b"cpu 1 2\nbtime 1700000000\nprocesses 3\n",
    "f/proc/meminfo": b"MemTotal:       16311788 kB\nMemFree: 1 kB\n",
    "f/proc/cmdline": b"BOOT_IMAGE=/vmlinuz root=/dev/mapper/a ro audit=1 module_blacklist=cramfs\n",
    "f/proc/modules": b"ssh 16384 0 - Live 0x0\nusb_storage 81920 1 uas, Live 0x0\n",
    "f/proc/sys/net/ipv4/ip_forward": b"0\n",
    "f/proc/1/mountinfo": b"21 1 253:0 / / rw,relatime shared:1 - ext4 /dev/mapper/a rw\n"
    b"22 21 8:1 / /boot rw - ext4 /dev/sda1 rw\n23 21 0:5 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw,size=1k\n",
    "f/proc/swaps": b"Filename\tType\tSize\tUsed\tPriority\n/dev/dm-1 partition 1 0 -2\n/swapfile file 1 0 -3\n",
    "f/proc/net/if_inet6": b"fe80000000000000000000000000000001 02 40 20 80 eth0\n",
    "f/etc/fstab": b"/dev/mapper/a / ext4 defaults 0 1\n",
    "n/sys/dev/block/253:0/slaves": b"sda2",
    "f/sys/dev/block/253:0/slaves/sda2/dm/uuid": b"CRYPT-LUKS2-0123-a\n",
    "f/swapfile": b"",
    "f/usr/lib/modules/6.1.0-25-amd64/vmlinuz": b"",
    "n/usr/lib/modules": b"6.1.0-25-amd64/6.1.0-26-amd64",
    "n/boot": f"vmlinuz-{RELEASE}/vmlinuz-9{RELEASE}/vmlinuz-5.14.0-427.13.1.el9_4.x86_64".encode(),
    "f/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c": b"\6\0\0\0\1",
    "s": b"60660 0 6 0 0 /dev/mapper/a\n60660 0 6 0 0 /dev/dm-1\n40755 0 0 0 0 /sys/dev/block/253:0\n",
}  # fmt: skip
APPARMOR: Final[Answers] = {
    "f/sys/module/apparmor/parameters/enabled": b"Y\n",
    "f/sys/kernel/security/apparmor/profiles": b"/usr/bin/man (enforce)\nappd (complain)\n",
    "n/sys/kernel/security/apparmor/policy/profiles": b"appd.1",
    "f/sys/kernel/security/apparmor/policy/profiles/appd.1/attach": b"/usr/bin/appd\n",
    "f/proc/7/attr/current": b"/usr/sbin/sshd (enforce)\n",
    "f/proc/8/attr/current": b"unconfined\n",
    "l/proc/8/exe": b"/usr/bin/appd",
}
SELINUX: Final[Answers] = {
    "f/sys/fs/selinux/enforce": b"1",
    "f/etc/selinux/config": b"SELINUX=enforcing\nSELINUXTYPE=targeted\n",
    "f/proc/7/attr/current": b"system_u:system_r:sshd_t:s0\0",
    "f/proc/8/attr/current": b"system_u:system_r:unconfined_service_t:s0\0",
    "f/etc/dnf/automatic.conf": b"[commands]\nupgrade_type = security\napply_updates = yes\n",
    "f/var/lib/rpm/Packages": b"",
    "r" + " ".join(programs.RPM_QUERY): b"kernel\t5.14.0-9.el9\tx86_64\tkernel-5.14.0-9.el9.src.rpm\n",
    "n/var/cache/dnf": b"baseos-1",
    "f/var/cache/dnf/baseos-1/repodata/repomd.xml": b"",
    "r" + " ".join(programs.DNF_NEWEST): (FIXTURES / "dnf/newest.txt").read_bytes(),
    "r" + " ".join(programs.DNF_SECURITY): (FIXTURES / "dnf/security.txt").read_bytes(),
}
SUSE: Final[Answers] = {
    "f/var/lib/rpm/Packages": b"",
    "r" + " ".join(programs.RPM_QUERY): b"bash\t2:5.1-1\tx86_64\tbash-5.1-1.src.rpm\n",
    "f/etc/sysconfig/automatic_online_update": b'AOU_ENABLE_CRONJOB="true"\nAOU_PATCH_CATEGORIES="security"\n',
}


def _filtered(rules: str, saved: str) -> Answers:
    """A packet filter as nft shows it, and those of its tables that iptables filled."""
    text = (FIXTURES / "packetfilter" / saved).read_bytes()
    return {
        "f/usr/sbin/nft": b"",
        "f/usr/sbin/iptables-save": b"",
        "r" + " ".join(programs.NFT_LIST): (FIXTURES / "packetfilter" / rules).read_bytes(),
        **{"r" + " ".join(common): text for _, common in programs.IPTABLES_SAVE.values()},
    }


SYSTEMS: Final[list[Answers]] = [
    {**COMMON, **APPARMOR, **_filtered("openings.json", "openings.save")},
    {**COMMON, **SELINUX, **_filtered("openings-iptables-nft.json", "openings.save")},
    {**COMMON, **SUSE, **_filtered("reject-at-the-end-iptables-nft.json", "reject-at-the-end.save")},
    {**COMMON, **_filtered("drop-at-the-end.json", "reject-at-the-end.save")},
]


def beside(topic: str, machines: list[bytes]) -> list[bytes]:
    """What a topic asks of each system, alone and with the files of each machine, and is answered."""
    found = {
        _asked(topic, {**system, **files})
        for system in SYSTEMS
        for files in ({}, *(answers(data.split(SEPARATOR)) for data in machines))
    }
    return sorted(found)


def _asked(topic: str, known: Answers) -> bytes:
    host = WrittenHost(known, live=True)
    asked = selector(topic, known) or keys_of(topic)[0].selector
    heard = listen(host)
    with suppress(CouldNotLook, ValueError, OSError):
        GATHERERS[topic](host, asked)
    return written({**heard, "k": "\0".join(asked).encode()} if asked else heard, live=True)
