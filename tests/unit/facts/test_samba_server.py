"""The Samba server's settings, as testparm tells them."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.shares import samba_server
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.shares import SambaServer

SAMBA = FIXTURES / "samba"
TOLD = (SAMBA / "testparm-4.17-debian12.txt").read_text(encoding="utf-8")
PACKAGE = "Package: samba\nStatus: install ok installed\nVersion: {}\nArchitecture: amd64\n\n"


def look(folder: Path, config: str, version: str = "2:4.17.12+dfsg-0+deb12u1", **more: str) -> SambaServer:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/smbd": "",
        "etc/samba/smb.conf": config,
        "var/lib/dpkg/status": PACKAGE.format(version),
    }
    files |= {f"etc/samba/{name}.conf": text for name, text in more.items()}
    return samba_server.gather(mounted(folder, files), ())[0]


def told() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for line in TOLD.split("\n"):
        if line.startswith("["):
            section = found.setdefault(line.strip("[]").lower(), {})
        elif "=" in line:
            key, _, value = line.partition("=")
            section[key.strip()] = value.strip()
    return found


def test_the_settings_are_those_that_testparm_tells(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        (SAMBA / "smb.conf").read_text(encoding="utf-8"),
        more=(SAMBA / "more.conf").read_text(encoding="utf-8"),
    )
    server = told()["global"]
    assert found.min_protocol == server["server min protocol"]
    assert (found.signing_required, server["server signing"]) == (True, "required")
    assert (found.ntlmv1, server["ntlm auth"]) == (True, "ntlmv1-permitted")
    assert found.map_to_guest == server["map to guest"].lower()
    assert str(found.restrict_anonymous) == server["restrict anonymous"]
    assert " ".join(found.interfaces) == server["interfaces"]
    assert (found.bind_only, server["bind interfaces only"]) == (True, "Yes")
    assert (found.log_level, found.auth_audit, found.smb1, found.limited) == (1, 3, False, True)
    assert {share.name for share in found.shares} == set(told()) - {"global"}
    for share in found.shares:
        own = told()[share.name]
        assert share.path == own.get("path", "")
        assert (share.guest, share.writable) == (own.get("guest ok") == "Yes", own.get("read only") == "No")
        assert " ".join(share.hosts_allow) == own.get("hosts allow", "")
        assert " ".join(share.valid_users) == own.get("valid users", "")
        assert share.audited == ("full_audit" in own.get("vfs objects", ""))
        assert share.encryption == "required", "the default of every share is that of [global]"


@pytest.mark.parametrize(
    ("version", "smb1"),
    [("2:4.17.12+dfsg-0+deb12u1", False), ("4.11.0-1", False), ("2:4.9.5+dfsg-5", True), ("strange", None)],
)
def test_the_oldest_protocol_that_is_not_set_is_that_of_the_version(
    version: str, smb1: bool | None, tmp_path: Path
) -> None:
    assert look(tmp_path, "[global]\n", version).smb1 is smb1


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("min protocol = NT1", "smb1", True),
        ("server min protocol = smb2_10", "min_protocol", "SMB2_10"),
        ("server min protocol = default", "smb1", False),
        ("server signing = auto", "signing_required", False),
        ("server role = active directory domain controller", "signing_required", True),
        ("smb encrypt = no", "encryption", "off"),
        ("server smb encrypt = default", "encryption", "desired"),
        ("ntlm auth = yes", "ntlmv1", True),
        ("ntlm auth = disabled", "ntlmv1", False),
        ("lanman auth = yes", "ntlmv1", True),
        ("map to guest = bad   password", "map_to_guest", "bad password"),
        ("null passwords = true", "null_passwords", True),
        ("usershare allow guests = yes", "usershare_guests", True),
        ("debuglevel = 3", "auth_audit", 3),
        ("log level = 0 all:2 auth_audit:5@/var/log/x", "auth_audit", 5),
        ("allow hosts = 10.0.0.1", "limited", True),
        ("interfaces = lo", "limited", False),
        ("include = /etc/samba/%m.conf", "unread", ["/etc/samba/%m.conf"]),
    ],
)
def test_each_word_means_what_it_means_to_samba(line: str, field: str, value: object, tmp_path: Path) -> None:
    assert getattr(look(tmp_path, f"[global]\n  {line}\n"), field) == value


def test_settings_after_an_include_go_on_in_the_section_that_it_ended_in(tmp_path: Path) -> None:
    found = look(
        tmp_path, "include = /etc/samba/more.conf\npath = /b\nguest ok = yes\n", more="[a]\npath = /a\n"
    )
    assert [(s.name, s.path, s.guest) for s in found.shares] == [("a", "/b", True)]


def test_settings_kept_in_the_registry_cannot_be_looked_at(tmp_path: Path) -> None:
    for line in ("config backend = registry", "include = registry"):
        with pytest.raises(CouldNotLook) as caught:
            look(tmp_path, f"[global]\n{line}\n")
        assert caught.value.reason is Reason.NOT_SUPPORTED
        for path in sorted(tmp_path.rglob("*.conf")):
            path.unlink()


def test_a_machine_without_samba_says_so(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/samba/smb.conf": "[x]\nguest ok = yes\n"})
    assert samba_server.gather(host, ())[0] == SambaServer(installed=False)


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="deeper than 8"):
        look(tmp_path, "include = /etc/samba/smb.conf\n")


KEYS = st.sampled_from(["path", "comment", "valid users", "hosts allow", "force user"])
NAMES = st.sampled_from(["a", "homes", "print$", "chung-1", "x.y"])
VALUES = st.text('aB/%=;# "[]\\', min_size=1, max_size=8).map(lambda text: f"<{text}>")


@thorough
@given(
    st.dictionaries(NAMES, st.dictionaries(KEYS, VALUES, min_size=1, max_size=2), max_size=2), st.booleans()
)
def test_what_is_written_is_read_back(model: dict[str, dict[str, str]], upper: bool) -> None:
    lines = ["; written by a test", "[global]", "workgroup = X"]
    for name, own in model.items():
        lines.append(f"[{name.upper() if upper else name}]")
        lines += [f"  {key.title()} = {value}  " for key, value in own.items()]
    found, unread = samba_server.parse("\n".join(lines), lambda _: None)
    assert found == {"global": {"workgroup": "X"}, **model}
    assert unread == []


@pytest.mark.hostile
@thorough
@given(st.text(max_size=200))
def test_no_text_makes_the_parser_raise_anything_but_value_error(text: str) -> None:
    try:
        sections, unread = samba_server.parse(text, lambda _: text)
        samba_server.describe(sections, text, unread)
    except ValueError:
        return


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "text", ["[" * 10_000_000, "a=" + "=" * 10_000_000, "\\\n" * 100_000 + "x" * 9_800_000]
)
def test_ten_megabytes_cost_less_than_a_second(text: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match="characters"):
        samba_server.parse(text, lambda _: None)
    sections, unread = samba_server.parse(text[:1_000_000], lambda _: None)
    samba_server.describe(sections, None, unread)
    assert time.process_time() - started < 1 * slowness()
