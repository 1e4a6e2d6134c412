"""What mandatory access control and the system's choice of cryptography are set to."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted, this_machine
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts import gather
from vonggac_agent.facts.protection import crypto_openssl, crypto_policy, mac_policy
from vonggac_agent.formats import openssl_conf
from vonggac_contract.facts import CouldNotLook, FactKey, Known, Reason
from vonggac_contract.facts.protection import CryptoPolicy, MandatoryAccessPolicy, OpensslDefaults

Files = dict[str, str | bytes | Link]
UNIT = "[Install]\nWantedBy=sysinit.target\n"
SELINUX = "# x\nSELINUX=enforcing\n# SELINUXTYPE= can take:\nSELINUXTYPE=targeted\n"
DEBIAN_11 = """\
openssl_conf = default_conf
HOME\t\t= .
oid_section\t\t= new_oids
[ new_oids ]
[default_conf]
ssl_conf = ssl_sect
[ssl_sect]
system_default = system_default_sect
[system_default_sect]
MinProtocol = TLSv1.2 # inline
CipherString = DEFAULT@SECLEVEL=2
"""
RED_HAT_9 = """\
openssl_conf = openssl_init
[openssl_init]
providers = provider_sect
ssl_conf = ssl_module
[ ssl_module ]
system_default = crypto_policy
[ crypto_policy ]
.include = /etc/crypto-policies/back-ends/opensslcnf.config
[ new_oids ]
"""
BACK_END = (
    "CipherString = @SECLEVEL=2:kEECDH:!aNULL\nTLS.MinProtocol = TLSv1.2\nDTLS.MinProtocol = DTLSv1.2\n"
)


@pytest.mark.parametrize(
    ("config", "mode", "kind"),
    [
        (SELINUX, "enforcing", "targeted"),
        ("SELINUX=permissive\nSELINUXTYPE=mls\n", "permissive", "mls"),
        ("SELINUX=enforcing\nSELINUX=disabled\n", "disabled", ""),
        ("SELINUX=Enforcing\nSELINUXTYPE=../x\n", "enforcing", ""),
        ("", "disabled", ""),
    ],
)
def test_selinux_is_what_its_configuration_says(config: str, mode: str, kind: str) -> None:
    assert mac_policy.selinux(config) == (mode, kind)


def test_selinux_of_a_mounted_root_with_its_booleans(tmp_path: Path) -> None:
    files: Files = {
        "etc/selinux/config": SELINUX,
        "var/lib/selinux/targeted/active/booleans.local": "# x\nhttpd_execmem=1\nselinuxuser_execheap=on\nb=0\n",
    }
    assert mac_policy.gather(mounted(tmp_path, files), ())[0] == MandatoryAccessPolicy(
        system="selinux",
        configured="enforcing",
        selinux_type="targeted",
        unconfined=None,
        booleans=["b=0", "httpd_execmem=1", "selinuxuser_execheap=1"],
    )


def test_apparmor_of_a_mounted_root_with_what_only_complains(tmp_path: Path) -> None:
    files: Files = {
        "usr/lib/systemd/system/apparmor.service": UNIT,
        "etc/systemd/system/sysinit.target.wants/apparmor.service": Link("x"),
        "etc/apparmor.d/usr.bin.man": "profile man /usr/bin/man {\n}\n",
        "etc/apparmor.d/usr.sbin.a": "/usr/sbin/a flags=(attach_disconnected, complain) {\n}\n",
        "etc/apparmor.d/usr.sbin.b": "# flags=(complain)\n/usr/sbin/b {\n}\n",
        "etc/apparmor.d/usr.sbin.c": "/usr/sbin/c {\n}\n",
        "etc/apparmor.d/force-complain/usr.sbin.c": Link("../usr.sbin.c"),
        "etc/apparmor.d/usr.sbin.d": "/usr/sbin/d flags=(complain) {\n}\n",
        "etc/apparmor.d/disable/usr.sbin.d": Link("../usr.sbin.d"),
        "etc/apparmor.d/tunables/x": "flags=(complain)\n",
    }
    value, _ = mac_policy.gather(mounted(tmp_path, files), ())
    assert value == MandatoryAccessPolicy(
        system="apparmor", configured="enforcing", complaining=["usr.sbin.a", "usr.sbin.c"]
    )
    files.pop("etc/systemd/system/sysinit.target.wants/apparmor.service")
    assert mac_policy.gather(mounted(tmp_path / "b", files), ())[0].configured == "disabled"


def test_a_root_with_neither_has_none(tmp_path: Path) -> None:
    value, _ = mac_policy.gather(mounted(tmp_path, {"etc/passwd": ""}), ())
    assert value == MandatoryAccessPolicy(system="none", configured="disabled")


def test_programs_that_run_free_of_their_profile_are_named(tmp_path: Path) -> None:
    files: Files = {
        "proc/10/attr/current": "unconfined\n",
        "proc/10/exe": Link("/usr/sbin/ntpd"),
        "proc/11/attr/current": "/usr/sbin/ntpd (enforce)\n",
        "proc/11/exe": Link("/usr/sbin/ntpd"),
        "proc/12/attr/current": "unconfined\n",
        "proc/12/exe": Link("/usr/bin/bash"),
        "proc/13/attr/current": "unconfined\n",
        "proc/14/attr/current": "unconfined\n",
        "proc/14/exe": Link("/usr/sbin/chronyd"),
        "sys/kernel/security/apparmor/policy/profiles/chronyd.1/attach": "/usr/sbin/chronyd\n",
        "sys/kernel/security/apparmor/policy/profiles/x.2/attach": "\n",
    }
    profiles = mac_policy.by_mode(["/usr/sbin/ntpd (enforce)", "chronyd (complain)", "a//b (kill)", "odd"])
    assert profiles == {"/usr/sbin/ntpd": "enforce", "chronyd": "complain", "a//b": "kill"}
    host = mounted(tmp_path, files)
    assert mac_policy._free_programs(host, profiles) == ["/usr/sbin/chronyd", "/usr/sbin/ntpd"]


def test_services_without_a_domain_of_their_own_are_named(tmp_path: Path) -> None:
    files: Files = {
        "proc/10/attr/current": "system_u:system_r:unconfined_service_t:s0\0",
        "proc/10/comm": "appd\n",
        "proc/11/attr/current": "system_u:system_r:httpd_t:s0\0",
        "proc/11/comm": "httpd\n",
        "proc/12/attr/current": "system_u:system_r:initrc_t:s0-s0:c0.c1023\n",
        "proc/12/comm": "old\n",
        "proc/13/comm": "kthread\n",
        "proc/self/comm": "x",
    }
    assert mac_policy._free_services(mounted(tmp_path, files)) == ["appd", "old"]
    assert mac_policy.domain("unconfined") == ""


def test_this_machine_answers_or_says_why_not() -> None:
    for topic in ("mac.policy", "crypto.policy", "crypto.openssl"):
        found = gather(this_machine(), [FactKey(topic)])[FactKey(topic)]
        assert isinstance(found, Known) or found.reason.value in ("permission-denied", "not-supported")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"etc/passwd": ""}, CryptoPolicy(installed=False)),
        (
            {
                "etc/crypto-policies/config": "# x\n\nDEFAULT\n",
                "etc/crypto-policies/state/current": "DEFAULT\n",
            },
            CryptoPolicy(installed=True, base="DEFAULT"),
        ),
        (
            {
                "etc/crypto-policies/config": "FUTURE\n",
                "etc/crypto-policies/state/current": "default:sha1:no-x\n",
            },
            CryptoPolicy(installed=True, base="DEFAULT", modules=["SHA1", "NO-X"], applied=False),
        ),
        (
            {"etc/crypto-policies/config": "LEGACY\n", "etc/sysconfig/sshd": "# CRYPTO_POLICY=\n"},
            CryptoPolicy(installed=True, base="LEGACY"),
        ),
        (
            {
                "etc/crypto-policies/state/current": "FIPS\n",
                "etc/sysconfig/sshd": "OPTIONS=\nCRYPTO_POLICY=\n",
            },
            CryptoPolicy(installed=True, base="FIPS", ssh_follows=False),
        ),
    ],
)
def test_the_policy_in_force_beside_the_one_asked_for(
    files: Files, expected: CryptoPolicy, tmp_path: Path
) -> None:
    assert crypto_policy.gather(mounted(tmp_path, files), ())[0] == expected


def test_openssl_is_followed_from_section_to_section(tmp_path: Path) -> None:
    value, source = crypto_openssl.gather(mounted(tmp_path, {"etc/ssl/openssl.cnf": DEBIAN_11}), ())
    assert (value, source) == (OpensslDefaults(True, "TLSv1.2", 2), "etc/ssl/openssl.cnf")


def test_openssl_of_the_red_hat_family_includes_the_policy(tmp_path: Path) -> None:
    files: Files = {
        "etc/pki/tls/openssl.cnf": RED_HAT_9,
        "etc/crypto-policies/back-ends/opensslcnf.config": BACK_END,
    }
    assert crypto_openssl.gather(mounted(tmp_path, files), ())[0] == OpensslDefaults(True, "TLSv1.2", 2)


def test_openssl_reads_the_files_of_a_folder(tmp_path: Path) -> None:
    files: Files = {
        "etc/ssl/openssl.cnf": DEBIAN_11.replace("MinProtocol = TLSv1.2 # inline\n", ".include /etc/ssl/d\n"),
        "etc/ssl/d/a.cnf": "MinProtocol=TLSv1.3\n",
        "etc/ssl/d/b.txt": "MinProtocol=TLSv1.0\n",
    }
    assert crypto_openssl.gather(mounted(tmp_path, files), ())[0].min_protocol == "TLSv1.3"


def status(name: str, version: str) -> str:
    return f"Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: amd64\n"


def packaged(name: str, version: str, system: str, release: str, config: str) -> Files:
    return {
        "etc/ssl/openssl.cnf": config,
        "etc/os-release": f"ID={system}\nVERSION_ID={release}\n",
        "var/lib/dpkg/status": status(name, version),
    }


# As `openssl.cnf` is shipped, comments and what certificates need left out. Debian 11, 12 and 13: level and protocol
# compared with SSL_CTX_get_security_level() and s_client of the libraries themselves.
DEBIAN_12 = "openssl_conf = openssl_init\n[openssl_init]\n[ ca ]\ndefault_ca = CA_default\n"
UBUNTU = (
    "openssl_conf = openssl_init\n[openssl_init]\nproviders = provider_sect\nssl_conf = ssl_sect\n[ssl_sect]\n"
    "system_default = system_default_sect\n[system_default_sect]\nCipherString = DEFAULT:@SECLEVEL=2\n"
)


@pytest.mark.parametrize(
    ("name", "version", "system", "release", "config", "expected"),
    [
        ("libssl3", "3.0.19-1~deb12u2", "debian", "12", DEBIAN_12, ("TLSv1.2", 2)),
        ("libssl3t64", "3.5.9-1", "debian", "13", "", ("TLSv1.2", 2)),
        ("libssl1.1", "1.1.1w-0+deb11u1", "debian", "11", "", ("TLSv1", 1)),
        ("libssl1.1", "1.1.1w-0+deb11u1", "debian", "11", DEBIAN_11, ("TLSv1.2", 2)),
        ("libssl3", "3.0.2-0ubuntu1.18", "ubuntu", "22.04", UBUNTU, ("TLSv1.2", 2)),
        ("libssl1.1", "1.1.1f-1ubuntu2.24", "ubuntu", "20.04", "", ("TLSv1.2", 2)),
        ("libssl1.1", "1.1.1-1ubuntu2.1~18.04.23", "ubuntu", "18.04", "", ("TLSv1", 1)),
        ("openssl-libs", "1:3.0.7-27.el9", "rhel", "9.4", "", ("TLSv1", 1)),
        ("openssl-libs", "1:3.2.2-6.el9", "rhel", "9.5", "", ("TLSv1.2", 2)),
        ("libssl3", "3.0.19-1", "debian", "12", UBUNTU.replace("LEVEL=2", "LEVEL=0"), ("TLSv1", 0)),
        ("libssl3", "3.0.19-1", "debian", "12", "MinProtocol = TLSv1\n", ("TLSv1.2", 2)),
        (
            "libssl3",
            "3.0.19-1",
            "debian",
            "12",
            UBUNTU.replace("CipherString = DEFAULT:@SECLEVEL=2", "MinProtocol = TLSv1"),
            ("TLSv1", 2),
        ),
    ],
)
def test_what_openssl_is_not_told_is_as_it_was_built(
    name: str,
    version: str,
    system: str,
    release: str,
    config: str,
    expected: tuple[str, int],
    tmp_path: Path,
) -> None:
    host = mounted(tmp_path, packaged(name, version, system, release, config))
    assert crypto_openssl.gather(host, ())[0] == OpensslDefaults(True, *expected)


def test_of_two_libraries_the_weaker_one_counts(tmp_path: Path) -> None:
    files = packaged("libssl3", "3.0.19-1", "debian", "12", DEBIAN_12)
    files["var/lib/dpkg/status"] = f"{status('libssl3', '3.0.19-1')}\n{status('libssl1.1', '1.1.1w-0')}"
    assert crypto_openssl.gather(mounted(tmp_path, files), ())[0] == OpensslDefaults(True, "TLSv1", 1)


@pytest.mark.parametrize("database", [{}, {"var/lib/dpkg/status": status("x", "1")}])
def test_an_openssl_that_is_no_package_and_told_nothing_could_not_be_looked_at(
    database: Files, tmp_path: Path
) -> None:
    files: Files = {"etc/ssl/openssl.cnf": "", "etc/os-release": "ID=debian\n", **database}
    with pytest.raises(CouldNotLook) as caught:
        crypto_openssl.gather(mounted(tmp_path, files), ())
    assert caught.value.reason is Reason.NOT_SUPPORTED


def test_a_machine_without_openssl_has_no_defaults(tmp_path: Path) -> None:
    assert crypto_openssl.gather(mounted(tmp_path, {"x": ""}), ())[0] == OpensslDefaults(found=False)


@given(
    st.sampled_from(["", "TLSv1", "TLSv1.2", "TLSv1.3"]),
    st.sampled_from([None, 0, 2, 5]),
    st.permutations(["a", "b", "c"]),
    st.booleans(),
)
@thorough
def test_what_is_written_for_openssl_is_read_back(
    protocol: str, level: int | None, names: list[str], prefixed: bool
) -> None:
    first, second, third = names
    last = [f"{'TLS.' if prefixed else ''}MinProtocol={protocol}"] if protocol else []
    last += ["CipherString = ALL"] if level is None else [f"CipherString = ALL:@SECLEVEL={level}"]
    sections = [f"[{first}]\nssl_conf = {second}", f"[ {second} ]\nsystem_default={third}", f"[{third}]"]
    text = f"# x\nopenssl_conf = {first} # y\n" + "\n".join([*sections, *last])
    assert crypto_openssl.defaults(openssl_conf.parse(text, lambda path: [])) == (protocol, level)


@given(st.dictionaries(st.sampled_from(["httpd_execmem", "a", "b-c", "ssh_x"]), st.booleans()))
@thorough
def test_booleans_that_are_written_are_read_back(model: dict[str, bool]) -> None:
    text = "# x\n" + "".join(f"{name}={int(on)}\n" for name, on in model.items())
    assert mac_policy.booleans(text) == [f"{name}={int(on)}" for name, on in sorted(model.items())]


@given(
    st.sampled_from(["enforcing", "permissive", "disabled"]),
    st.sampled_from(["targeted", "mls", "minimum", "a_b-1"]),
    st.lists(st.sampled_from(["DEFAULT", "FUTURE", "SHA1", "NO-CBC"]), min_size=1, max_size=3),
)
@thorough
def test_policies_that_are_written_are_read_back(mode: str, kind: str, parts: list[str]) -> None:
    assert mac_policy.selinux(f"# SELINUX=x\nSELINUX={mode}\n\nSELINUXTYPE={kind} \n") == (mode, kind)
    assert crypto_policy.named(f"# x\n\n{':'.join(parts).lower()}\nOTHER\n") == parts


@pytest.mark.hostile
@given(st.text(max_size=300))
@thorough
def test_any_text_is_read(text: str) -> None:
    mac_policy.selinux(text)
    mac_policy.complains("flags=(complain" + text)
    mac_policy.by_mode(text.split("\n"))
    mac_policy.domain(text)
    mac_policy.booleans(text)
    crypto_policy.named(text)
    crypto_policy.goes_its_own_way(text)
    with contextlib.suppress(ValueError):
        crypto_openssl.defaults(openssl_conf.parse("[a]\n.include " + text + "\n" + text, lambda path: []))


@pytest.mark.hostile
def test_openssl_files_that_include_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="includes over 50 files"):
        openssl_conf.parse(".include /a", lambda path: [".include /a\n.include /b"])


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "text",
    [
        "a = b\n" * 190_000,
        "a = '\\\\" * 300_000,
        "$" * 900_000,
        "a = $a$a$a$a\n" * 60_000,
        ".include" + " " * 10_000_000,
        "flags = (complain " * 500_000,
        "[" * 10_000_000,
    ],
    ids=["settings", "quotes", "dollars", "variables", "blanks", "flags", "sections"],
)
def test_a_long_file_is_read_or_refused_at_once(text: str) -> None:
    started = time.process_time()
    mac_policy.complains(text)
    crypto_policy.named(text)
    with contextlib.suppress(ValueError):
        crypto_openssl.defaults(openssl_conf.parse(text, lambda path: []))
    assert time.process_time() - started < 1 * slowness()
