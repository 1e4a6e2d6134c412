"""Folders exported by NFS, as exportfs understands the same file."""

import contextlib
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.shares import nfs_exports
from vonggac_contract.facts.shares import NfsExport, NfsExports

NFS = FIXTURES / "nfs"
EXPORTS = (NFS / "exports").read_text(encoding="utf-8")
ETAB = (NFS / "etab-2.6.2-debian12.txt").read_text(encoding="utf-8")
"""What `exportfs -a` made of it."""


def one(line: str) -> NfsExport:
    (found,) = nfs_exports.parse(line, "etc/exports")
    return found


def test_every_export_is_as_exportfs_has_it() -> None:
    found = {(e.path, e.client): e for e in nfs_exports.parse(EXPORTS, "etc/exports")}
    told = re.findall(r"^(\S+)\t([^(]*)\((.*)\)$", ETAB, re.MULTILINE)
    assert len(told) == len(found)
    for path, client, options in told:
        export = found[path.replace("\\040", " "), client or "*"]
        groups = options.split("sec=")
        assert export.writable == any(",rw" in f",{g}," for g in groups[1:])
        squashed = [",root_squash" in g or ",all_squash" in g for g in groups[1:]]
        assert export.root_squash == all(squashed)
        assert export.privileged_port == ("insecure" not in options)
        assert export.kerberos == ("none" if ",sec=sys" in options else "krb5i")
        assert export.everyone == (client in ("", "*"))


@pytest.mark.parametrize(
    ("line", "client", "everyone"),
    [
        ("/a", "*", True),
        ("/a (rw)", "*", True),
        ("/a *(rw)", "*", True),
        ("/a 0.0.0.0/0(rw)", "0.0.0.0/0", True),
        ("/a ::/0(rw)", "::/0", True),
        ("/a gss/krb5(rw)", "gss/krb5", True),
        ("/a *.example.vn(rw)", "*.example.vn", False),
        ("/a @net", "@net", False),
    ],
)
def test_who_may_mount(line: str, client: str, everyone: bool) -> None:
    assert (one(line).client, one(line).everyone) == (client, everyone)


@pytest.mark.parametrize(
    ("options", "kerberos"),
    [
        ("rw", "none"),
        ("sec=krb5p", "krb5p"),
        ("sec=krb5:krb5p", "krb5"),
        ("sec=sys:krb5p", "none"),
        ("sec=krb5i,rw,sec=krb5p,ro", "krb5i"),
    ],
)
def test_the_weakest_flavour_counts(options: str, kerberos: str) -> None:
    assert one(f"/a b({options})").kerberos == kerberos


def test_a_blank_before_the_options_opens_a_folder_to_everybody() -> None:
    found = nfs_exports.parse("/a host (rw,no_root_squash)\n", "x")
    assert [(e.client, e.everyone, e.writable, e.root_squash) for e in found] == [
        ("host", False, False, True),
        ("*", True, True, False),
    ]


def test_files_of_the_folder_and_versions_are_read(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "usr/sbin/exportfs": "",
            "etc/exports": "/a b\n",
            "etc/exports.d/zfs.exports": "/c d(insecure)\n",
            "etc/exports.d/ignored": "/e *\n",
            "etc/exports.d/.hidden.exports": "/f *\n",
            "etc/nfs.conf": "[nfsd]\nvers3 = n\n# udp=y\n[mountd]\nvers2=y\n",
            "etc/nfs.conf.d/a.conf": "[nfsd]\nudp=yes\n",
        },
    )
    found, _ = nfs_exports.gather(host, ())
    assert [(e.path, e.source) for e in found.exports] == [
        ("/a", "etc/exports"),
        ("/c", "etc/exports.d/zfs.exports"),
    ]
    assert (found.version2, found.version3, found.udp) == (False, False, True)


def test_a_machine_without_an_nfs_server_says_so(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/exports": "/a *(rw)\n"})
    assert nfs_exports.gather(host, ())[0] == NfsExports(installed=False)


PATHS = st.text("ab /c", min_size=1, max_size=6).map(lambda text: "/x" + text + "y")
CLIENTS = st.sampled_from(["*", "10.0.0.0/8", "h.example", "@n", "2001:db8::1"])
OPTIONS = st.fixed_dictionaries(
    {
        "rw": st.booleans(),
        "squash": st.booleans(),
        "insecure": st.booleans(),
        "sec": st.sampled_from(["", "krb5", "krb5p"]),
    }
)


@thorough
@given(PATHS, st.dictionaries(CLIENTS, OPTIONS, min_size=1, max_size=2), st.booleans())
def test_what_is_written_is_read_back(path: str, clients: dict[str, dict[str, object]], quoted: bool) -> None:
    written = f'"{path}"' if quoted else path.replace(" ", "\\040")
    for client, o in clients.items():
        words = [f"sec={o['sec']}"] if o["sec"] else []
        words += ["rw" if o["rw"] else "ro", "root_squash" if o["squash"] else "no_root_squash"]
        written += f" \\\n  {client}({','.join([*words, 'insecure' if o['insecure'] else 'secure'])})"
    found = nfs_exports.parse(written, "x")
    assert {e.path for e in found} == {path}
    assert {
        e.client: {
            "rw": e.writable,
            "squash": e.root_squash,
            "insecure": not e.privileged_port,
            "sec": e.kerberos,
        }
        for e in found
    } == {client: {**o, "sec": o["sec"] or "none"} for client, o in clients.items()}


@pytest.mark.hostile
@thorough
@given(st.text(max_size=100))
def test_no_text_makes_the_parser_raise_anything_but_value_error(text: str) -> None:
    try:
        nfs_exports.parse(text, "x")
        nfs_exports.versions(text)
    except ValueError:
        return


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "text", ["/a " + "(" * 10_000_000, '"' * 10_000_000, "/a " + "b " * 5_000_000, "/a b(" + "x," * 5_000_000]
)
def test_ten_megabytes_cost_less_than_a_second(text: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match="characters"):
        nfs_exports.parse(text, "x")
    with contextlib.suppress(ValueError):
        nfs_exports.parse(text[:1_000_000], "x")
    assert time.process_time() - started < 1 * slowness()
