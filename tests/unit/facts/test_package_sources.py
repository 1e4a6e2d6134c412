"""Where packages come from, and whether anything unsigned could come with them."""

import contextlib
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.packages import (
    apt_sources,
    dpkg,
    package_held,
    package_origins,
    package_sources,
    rpm,
    rpm_repositories,
    software_unpackaged,
)
from vonggac_agent.facts.packages.addresses import Address, address, reach
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.packages import PackageSource

DEBIAN = """\
Types: deb deb-src
# a comment inside
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://user:password@mirror.example.vn/debian
Suites: stable
Components: main
Trusted: yes

Enabled: no
Types: deb
URIs: http://off.example.org/
Suites: x
"""
REPO = """\
[baseos]
name=BaseOS
baseurl=https://a.example.org/os
    https://b.example.org/os
enabled=1
gpgkey=file:///etc/pki/rpm-gpg/KEY

[loose]
mirrorlist=http://mirrors.example.org/list?arch=x
gpgcheck=0
sslverify=0
proxy=http://proxy.example.vn:3128

[off]
baseurl=http://c.example.org
enabled=0
"""


def apt_root(folder: Path, **files: str) -> PackageSource:
    paths: dict[str, str | bytes | Link] = {"var/lib/dpkg/status": "", "etc/apt/apt.conf": ""}
    found = package_sources.gather(mounted(folder, paths | files), ())[0]
    return found.sources[0]


def test_both_forms_of_apts_sources_are_read(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "var/lib/dpkg/status": "",
            "var/lib/dpkg/info/debian-archive-keyring.list": "/etc/apt/trusted.gpg.d/debian.asc\n",
            "etc/apt/apt.conf.d/proxy": 'Acquire::http::Proxy "http://10.0.0.5:3142";\n',
            "etc/apt/sources.list": "deb http://deb.debian.org/debian bookworm main # main\ndeb-src http://x y z\n",
            "etc/apt/sources.list.d/a.sources": DEBIAN,
            "etc/apt/sources.list.d/b.list": "deb [ arch=amd64 trusted=yes ] file:/srv/packages ./\n",
            "etc/apt/sources.list.d/c.list.save": "deb [trusted=yes] http://old.example.org x main\n",
            "etc/apt/trusted.gpg.d/debian.asc": "x",
            "etc/apt/trusted.gpg.d/vendor.gpg": "x",
            "etc/apt/trusted.gpg": "x" * 33,
        },
    )
    found, source = package_sources.gather(host, ())
    assert source == "etc/apt"
    assert [(s.name, s.through, s.through_reach, s.signed, s.own_key) for s in found.sources] == [
        ("http://deb.debian.org/debian bookworm", "10.0.0.5", "inside", True, False),
        ("http://deb.debian.org/debian bookworm bookworm-updates", "10.0.0.5", "inside", True, True),
        ("https://mirror.example.vn/debian stable", "10.0.0.5", "inside", False, False),
        ("file:/srv/packages ./", "", "local", False, False),
    ]
    assert found.shared_keys == ["/etc/apt/trusted.gpg", "/etc/apt/trusted.gpg.d/vendor.gpg"]
    assert "password" not in repr(found)


@pytest.mark.parametrize("setting", [name for name, _ in package_sources.APT_LOOSE])
def test_settings_that_let_anything_in_are_named(setting: str, tmp_path: Path) -> None:
    bad = dict(package_sources.APT_LOOSE)[setting]
    files: dict[str, str | bytes | Link] = {
        "var/lib/dpkg/status": "",
        "etc/apt/apt.conf.d/99": f'{setting} "{"true" if bad else "false"}";\n',
        "etc/apt/sources.list": "deb https://deb.debian.org/debian bookworm main\n",
    }
    found, _ = package_sources.gather(mounted(tmp_path, files), ())
    assert found.loose == [setting]
    assert found.sources[0].signed is (
        setting not in ("APT::Get::AllowUnauthenticated", "Acquire::AllowInsecureRepositories")
    )
    assert found.sources[0].tls_checked is (setting != "Acquire::https::Verify-Peer")


def test_a_proxy_called_direct_is_none(tmp_path: Path) -> None:
    found = apt_root(
        tmp_path,
        **{
            "etc/apt/apt.conf": 'Acquire::http::Proxy "http://p"; Acquire::http::Proxy::deb.debian.org "DIRECT";',
            "etc/apt/sources.list": "deb http://deb.debian.org/debian bookworm main\n",
        },
    )
    assert (found.through, found.through_reach) == ("deb.debian.org", "outside")


def test_dnfs_repositories_take_over_what_main_says(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/dnf/dnf.conf": "[main]\ngpgcheck=1\nbest=True\n",
        "etc/yum.repos.d/a.repo": REPO,
    }
    found, _ = package_sources.gather(mounted(tmp_path, files), ())
    assert found.manager == "dnf"
    assert found.loose == ["localpkg_gpgcheck"]
    assert found.sources == [
        PackageSource(
            "baseos", "https", "a.example.org", "a.example.org", "outside", "outside", True, True, True
        ),
        PackageSource(
            "loose",
            "http",
            "mirrors.example.org",
            "proxy.example.vn",
            "outside",
            "outside",
            False,
            False,
            False,
        ),
    ]


def test_dnf_checks_nothing_unless_told_to(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/dnf/dnf.conf": "",
        "etc/yum.repos.d/a.repo": "[a]\nbaseurl=http://a.example.org\n",
    }
    found, _ = package_sources.gather(mounted(tmp_path, files), ())
    assert [s.signed for s in found.sources] == [False]
    assert found.loose == ["gpgcheck", "localpkg_gpgcheck"]


def test_zypper_checks_unless_told_not_to(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/zypp/zypp.conf": "[main]\n## gpgcheck = off\n",
        "etc/zypp/repos.d/a.repo": "[oss]\nbaseurl=https://download.opensuse.org/x?ssl_verify=no\n[b]\nbaseurl=dir:///srv\ngpgcheck=0\n",
    }
    found, _ = package_sources.gather(mounted(tmp_path, files), ())
    assert found.manager == "zypper"
    assert [(s.name, s.signed, s.tls_checked, s.reach) for s in found.sources] == [
        ("oss", True, False, "outside"),
        ("b", False, True, "local"),
    ]
    assert found.loose == []


@pytest.mark.parametrize(
    ("settings_", "signed"),
    [
        ({}, True),
        ({"gpgcheck": "off"}, False),
        ({"repo_gpgcheck": "off"}, False),
        ({"pkg_gpgcheck": "off"}, False),
        ({"gpgcheck": "off", "repo_gpgcheck": "on"}, True),
        ({"gpgcheck": "off", "pkg_gpgcheck": "on"}, True),
        ({"repo_gpgcheck": "off", "pkg_gpgcheck": "on"}, True),
    ],
)
def test_zyppers_three_settings_together_say_what_is_checked(settings_: dict[str, str], signed: bool) -> None:
    assert rpm_repositories.Settings("zypper", settings_, {}).signed is signed
    assert rpm_repositories.Settings("zypper", {}, settings_).signed is signed


def test_a_machine_without_a_manager_has_no_sources(tmp_path: Path) -> None:
    assert package_sources.gather(mounted(tmp_path, {"etc/hostname": "x"}), ())[0].manager == "none"


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("http://a:b@Mirror.example.vn:8080/debian/", Address("http", "mirror.example.vn", "http://Mirror.example.vn:8080/debian/")),
        ("mirror+https://m/list?token=1", Address("https", "m", "https://m/list")),
        ("http://[2001:db8::1]:80/x", Address("http", "2001:db8::1", "http://[2001:db8::1]:80/x")),
        ("cdrom:[Debian 12]/", Address("cdrom", "", "cdrom:[Debian 12]/")),
        ("nonsense", Address("", "", "nonsense")),
        ("u:PW@h.example/debian", Address("", "", "h.example/debian")),
        ("https://u:P/W@h.example/debian", Address("https", "h.example", "https://h.example/debian")),
    ],
)  # fmt: skip
def test_addresses_are_shown_without_what_is_secret(uri: str, told: Address) -> None:
    assert address(uri) == told


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("", "local"),
        ("127.0.0.1", "local"),
        ("10.1.2.3", "inside"),
        ("fd00::1", "inside"),
        ("mirror", "inside"),
        ("apt.so-y-te.internal", "inside"),
        ("8.8.8.8", "outside"),
        ("deb.debian.org", "outside"),
    ],
)
def test_where_a_host_is_is_told_by_its_address_or_name(host: str, where: str) -> None:
    assert reach(host) == where


def test_packages_held_back_are_named_for_every_manager(tmp_path: Path) -> None:
    status = (
        "Package: a\nStatus: hold ok installed\nVersion: 1\n\n"
        "Package: b\nStatus: install ok installed\nVersion: 1\n\n"
        "Package: c\nStatus: hold ok config-files\nVersion: 1\n"
    )
    assert dpkg.held(status.encode()) == ["a"]
    host = mounted(tmp_path / "deb", {"var/lib/dpkg/status": status})
    assert package_held.gather(host, ())[0].held == ["a"]
    host = mounted(
        tmp_path / "rpm",
        {
            "var/lib/rpm/rpmdb.sqlite": "",
            "etc/dnf/dnf.conf": "[main]\nexclude=kernel* openssl\n",
            "etc/dnf/plugins/versionlock.list": "# note\nhttpd-0:2.4-1.*\n!nginx-0:1.*\n",
        },
    )
    assert package_held.gather(host, ())[0].held == ["kernel*", "openssl", "httpd-0:2.4-1.*"]
    locks = "\ntype: package\nsolvable_name: firefox\n"
    host = mounted(tmp_path / "zypp", {"usr/lib/sysimage/rpm/Packages.db": "", "etc/zypp/locks": locks})
    assert package_held.gather(host, ())[0].held == ["firefox"]


def test_a_package_that_no_list_offers_is_foreign(tmp_path: Path) -> None:
    status = "".join(
        f"Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n"
        for name in ("known", "stranger")
    )
    host = mounted(
        tmp_path,
        {
            "var/lib/dpkg/status": status,
            "var/lib/apt/lists/a_dists_b_Packages": "Package: known\nVersion: 0\nArchitecture: amd64\n",
        },
    )
    found, _ = package_origins.gather(host, ())
    assert (found.basis, found.foreign) == ("archives", ["stranger"])


def test_an_old_kernel_is_still_its_publishers(tmp_path: Path) -> None:
    status = "".join(
        f"Package: {name}\nStatus: install ok installed\nSource: linux-signed\nVersion: 1\nArchitecture: amd64\n\n"
        for name in ("linux-image-1", "linux-image-2")
    )
    lists = "Package: linux-image-2\nVersion: 1\nArchitecture: amd64\n"
    host = mounted(tmp_path, {"var/lib/dpkg/status": status, "var/lib/apt/lists/a_dists_b_Packages": lists})
    assert package_origins.gather(host, ())[0].foreign == []


def test_without_lists_nobody_knows_what_is_foreign(tmp_path: Path) -> None:
    host = mounted(
        tmp_path, {"var/lib/dpkg/status": "Package: a\nStatus: install ok installed\nVersion: 1\n"}
    )
    with pytest.raises(CouldNotLook, match="not-installed"):
        package_origins.gather(host, ())


def header(*tags: tuple[int, int, bytes]) -> bytes:
    store, index = b"", b""
    for tag, kind, data in tags:
        index += struct.pack(">IIII", tag, kind, len(store), 1)
        store += data
    return struct.pack(">II", len(tags), len(store)) + index + store


def test_an_rpm_without_a_signature_is_told() -> None:
    named = [(1000, 6, b"tool\0"), (1001, 6, b"1\0"), (1002, 6, b"1\0")]
    assert rpm.unsigned(header(*named)) == "tool"
    assert rpm.unsigned(header(*named, (268, 7, b"signature"))) is None
    assert rpm.unsigned(header((1000, 6, b"gpg-pubkey\0"), *named[1:])) is None


def test_programs_that_no_package_brought_are_told(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "usr/local/bin/tool": "x",
            "usr/local/bin/notes.txt": "x",
            "opt/vendor/bin/x": "x",
            "opt/packaged/x": "x",
            "var/lib/dpkg/status": "",
            "var/lib/dpkg/info/p.list": "/.\n/opt\n/opt/packaged\n/opt/packaged/x\n",
            "var/lib/snapd/snaps/core22_1380.snap": "",
            "var/lib/snapd/snaps/core22_1400.snap": "",
            "var/lib/snapd/snaps/my-tool_x1.snap": "",
            "var/lib/flatpak/app/org.example.App/current": "",
        },
    )
    (tmp_path / "usr/local/bin/tool").chmod(0o755)
    found, _ = software_unpackaged.gather(host, ())
    assert found.programs == ["/usr/local/bin/tool", "/opt/vendor"]
    assert found.snaps == ["core22", "my-tool"]
    assert found.flatpaks == ["org.example.App"]


WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789-./", min_size=1, max_size=12)
ENTRY = st.builds(
    apt_sources.Entry,
    uris=st.lists(WORD.map("http://{}".format), min_size=1, max_size=3).map(tuple),
    suites=st.lists(WORD, min_size=1, max_size=3).map(tuple),
    options=st.dictionaries(st.sampled_from(["trusted", "allow-insecure", "signed-by"]), WORD, max_size=3),
)


@given(st.lists(ENTRY, max_size=4))
@thorough
def test_sources_written_in_either_form_read_back_the_same(entries: list[apt_sources.Entry]) -> None:
    stanzas = "\n".join(
        f"Types: deb\nURIs: {' '.join(e.uris)}\nSuites:\n {' '.join(e.suites)}\n"
        + "".join(f"{name.title()}: {value}\n" for name, value in e.options.items())
        for e in entries
    )
    read = apt_sources.deb822(stanzas)
    assert [(e.uris, e.suites) for e in read] == [(e.uris, e.suites) for e in entries]
    assert [{k: e.options[k] for k in w.options} for e, w in zip(read, entries, strict=True)] == [
        e.options for e in entries
    ]
    lines = "".join(
        f"deb [ {' '.join(f'{k}={v}' for k, v in e.options.items())} ] {e.uris[0]} {e.suites[0]} main\n"
        for e in entries
    )
    assert apt_sources.one_line(lines) == [e._replace(uris=e.uris[:1], suites=e.suites[:1]) for e in entries]


REPOSITORY = st.dictionaries(st.sampled_from(["baseurl", "gpgcheck", "enabled", "proxy"]), WORD, max_size=4)


@given(st.dictionaries(st.text("abc-_", min_size=1, max_size=6), REPOSITORY, max_size=4))
@thorough
def test_repositories_read_back_as_they_were_written(repositories: dict[str, dict[str, str]]) -> None:
    text = "".join(
        f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in values.items()) + "\n"
        for name, values in repositories.items()
    )
    assert {r.name: dict(r.values) for r in rpm_repositories.parse(text)} == {
        name: values for name, values in repositories.items() if values
    }


@pytest.mark.hostile
@given(st.text(max_size=200))
@thorough
def test_any_text_is_read_as_sources(text: str) -> None:
    for entry in (*apt_sources.one_line(text), *apt_sources.deb822(text)):
        for uri in entry.uris:
            reach(address(uri).host)
    for repository in rpm_repositories.parse(text):
        address(repository.url)
    package_held.excluded(text)
    package_held.version_locks(text)
    package_held.zypper_locks(text)


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "piece", ["deb [", "\n ", "Types: deb\nURIs: x\n\n", "deb x y\n", "[a]\n", "[a]\nb=c\n "]
)
def test_ten_megabytes_of_sources_cost_less_than_a_second(piece: str) -> None:
    text = piece * (10_000_000 // len(piece))
    for parse in (apt_sources.one_line, apt_sources.deb822, rpm_repositories.parse):
        started = time.process_time()
        with contextlib.suppress(ValueError):
            parse(text)
        assert time.process_time() - started < 1 * slowness()
