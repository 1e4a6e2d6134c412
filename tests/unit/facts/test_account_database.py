"""What does not fit together in the account database, whose homes are open, and where accounts come from."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.access import (
    account_central,
    account_consistency,
    account_defaults,
    account_groups,
    account_homes,
    account_shadow,
)
from vonggac_agent.formats import ini
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.accounts import AccountDefaults, CentralAccounts, DotFile, Group, Home

Files = dict[str, str | bytes | Link]
HASH = "$y$j9T$abcdefghijklmnopqrstuv$0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
OTHER = "$6$saltsalt$" + "b" * 86


def look(gather: Callable[..., Any], folder: Path, files: Files) -> Any:
    value, _ = gather(mounted(folder, files), ())
    return value


def test_members_are_those_named_and_those_whose_primary_group_it_is(tmp_path: Path) -> None:
    found = look(
        account_groups.gather,
        tmp_path,
        {
            "etc/passwd": "an:x:1000:27::/home/an:/bin/sh\nba:x:1001:1001::/home/ba:/bin/sh\n",
            "etc/group": f"sudo:x:27:ba,an\nops:{HASH}:40:\nweb:x:41:\n# x\nnew::42:\n",
            "etc/gshadow": f"sudo:!::\nops:*::\nweb:{OTHER}::an\nnew:::\n",
        },
    )
    assert found.groups == [
        Group("sudo", 27, ["an", "ba"], "locked"),
        Group("ops", 40, [], "set"),
        Group("web", 41, [], "set"),
        Group("new", 42, [], "empty"),
    ]


def test_a_group_without_its_line_in_gshadow_has_no_password(tmp_path: Path) -> None:
    assert look(account_groups.gather, tmp_path, {"etc/group": "a:x:1:\n"}).groups == [
        Group("a", 1, [], "none")
    ]


def test_what_does_not_fit_together_is_told_by_name_and_place(tmp_path: Path) -> None:
    found = look(
        account_consistency.gather,
        tmp_path,
        {
            "etc/passwd": f"root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nan:{HASH}:5:77::/:/bin/sh\n"
            "an::6:1::/:/bin/sh\nbroken:x:7\nword:x:a:1::/:/bin/sh\n+@staff::::::\n\n# note\nstar:*:8:1::/:/bin/sh\n",
            "etc/group": "root:x:0:\nbin:x:1:\nbin:x:2:\nadm:x:1:\n-old:::\n",
        },
    )
    assert found.repeated_names == ["an"]
    assert found.repeated_numbers == ["0: root, toor"]
    assert (found.repeated_groups, found.repeated_group_numbers) == (["bin"], ["1: bin, adm"])
    assert found.without_group == ["an"]
    assert found.legacy_entries == ["etc/passwd:7", "etc/group:5"]
    assert found.unshadowed == ["an", "an"]
    assert found.malformed == ["etc/passwd:5", "etc/passwd:6"]


def test_a_machine_as_debian_installs_it_fits_together(tmp_path: Path) -> None:
    found = look(
        account_consistency.gather,
        tmp_path,
        {
            "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n",
            "etc/group": "root:x:0:\nnogroup:x:65534:\n",
            "etc/shadow": "root:*:20000:0:99999:7:::\nsshd:!:20000::::::\n",
        },
    )
    assert [value for value in map(found.__getattribute__, found.__struct_fields__) if value] == []


def test_copied_hashes_missing_lines_and_changes_to_come_are_told_without_the_hash(tmp_path: Path) -> None:
    found = look(
        account_shadow.gather,
        tmp_path,
        {
            "etc/passwd": "".join(
                f"{n}:x:{i}:1::/:/bin/sh\n" for i, n in enumerate(("an", "ba", "ca", "da"))
            ),
            "etc/shadow": f"an:{HASH}:20000::::::\nba:!{HASH}:20000::::::\nca:{OTHER}:90000::::::\ngone:*:1::::::\n"
            "+::::::::\nbad:x\n",
        },
    )
    assert found.same_password == ["an", "ba"]
    assert (found.without_entry, found.without_account, found.changed_later) == (
        ["da"],
        ["gone", "bad"],
        ["ca"],
    )
    assert (found.legacy_entries, found.malformed) == (["etc/shadow:5"], ["etc/shadow:6"])
    assert HASH[10:20] not in str(found)


@pytest.mark.parametrize("same", ["*", "!", "!*", "", "x"])
def test_what_is_no_hash_is_no_shared_password(same: str) -> None:
    assert account_shadow.same_password([f"an:{same}:1", f"ba:{same}:1"]) == []


def people(folder: Path) -> Files:
    return {
        "etc/passwd": f"root:x:0:0::/root:/bin/bash\nan:x:{os.getuid() or 1000}:1::/home/an:/bin/bash\n"
        "ba:x:1001:1::/home/gone:/bin/sh\nbot:x:1002:1::/home/bot:/usr/sbin/nologin\nnobody:x:65534:1::/:/bin/sh\n"
        "ca:x:1003:1::relative:/bin/sh\n",
        "etc/login.defs": "UID_MIN 1000\n",
        "home/an/.netrc": "machine x password y",
        "home/an/.ssh/rc": "",
        "root/.rhosts": "",
    }


def test_homes_of_people_are_told_with_owner_and_permissions(tmp_path: Path) -> None:
    host = mounted(tmp_path, people(tmp_path))
    (tmp_path / "home/an").chmod(0o750)
    found = account_homes.gather(host, ())[0].homes
    assert found == [
        Home("an", "/home/an", True, os.getuid() != 0, ["u+r", "u+w", "u+x", "g+r", "g+x"]),
        Home("ba", "/home/gone", False, False, []),
        Home("ca", "relative", False, False, []),
    ]


def test_dot_files_are_found_by_name_in_the_homes_of_root_and_of_people(tmp_path: Path) -> None:
    host = mounted(tmp_path, people(tmp_path))
    (tmp_path / "home/an/.netrc").chmod(0o644)
    (tmp_path / "home/an/.ssh/rc").chmod(0o602)
    (tmp_path / "root/.rhosts").chmod(0o600)
    assert account_homes.gather_dot_files(host, ())[0].files == [
        DotFile("root", ".rhosts", os.getuid() == 0, ["u+r", "u+w"]),
        DotFile("an", ".netrc", True, ["u+r", "u+w", "g+r", "o+r"]),
        DotFile("an", ".ssh/rc", True, ["u+r", "u+w", "o+w"]),
    ]


def test_debian_12_gives_new_accounts_what_its_files_say(tmp_path: Path) -> None:
    files: Files = {"etc/login.defs": (FIXTURES / "accounts" / "login.defs-debian12").read_text()}
    assert look(account_defaults.gather, tmp_path / "a", files) == AccountDefaults(
        maximum_days=99999, minimum_days=0, warning_days=7, scheme="sha512", home_permissions=None, fail_delay=None
    )  # fmt: skip
    files |= {"etc/default/useradd": '# INACTIVE=1\nSHELL=/bin/sh\nINACTIVE=60\nINACTIVE="45"\n'}
    assert look(account_defaults.gather, tmp_path / "b", files).inactive_days == 45


@pytest.mark.parametrize(
    ("text", "days"), [("", None), ("INACTIVE=-1\n", None), ("INACTIVE=0\n", 0), ("INACTIVE=x\n", None)]
)
def test_never_is_told_as_none(text: str, days: int | None) -> None:
    assert account_defaults.inactive(text) == days


@pytest.mark.parametrize(
    ("mode", "permissions"),
    [
        ("0700", ["u+r", "u+w", "u+x"]),
        ("751", ["u+r", "u+w", "u+x", "g+r", "g+x", "o+x"]),
        ("", None),
        ("999", None),
    ],
)
def test_a_mode_is_its_permissions(mode: str, permissions: list[str] | None) -> None:
    assert account_defaults.permissions(mode) == permissions


SSSD = """[sssd]
domains = so.example.vn, old
# [domain/x]
[domain/so.example.vn]
id_provider = AD
[domain/old]
id_provider = files
[domain/more]
enabled = true
id_provider = ipa
[domain/off]
id_provider = ldap
"""


def test_sssd_counts_with_the_domains_that_are_switched_on(tmp_path: Path) -> None:
    found = look(
        account_central.gather,
        tmp_path,
        {
            "etc/nsswitch.conf": "passwd: files systemd sss\n",
            "etc/sssd/sssd.conf": SSSD,
            "etc/sssd/conf.d/.x.conf": "[sssd]\ndomains = off\n",
        },
    )
    assert found == CentralAccounts(["sssd"], True, ["so.example.vn", "more"], ["ad", "ipa"])


@pytest.mark.parametrize(
    ("files", "directories", "domains"),
    [
        ({"etc/nsswitch.conf": "passwd: files systemd\n"}, [], []),
        ({"etc/nsswitch.conf": "passwd: files sss\n"}, [], []),
        ({"etc/nsswitch.conf": "passwd: files\n", "etc/sssd/sssd.conf": SSSD}, [], []),
        (
            {"etc/nsswitch.conf": "passwd: files winbind # x\n",
             "etc/samba/smb.conf": "[global]\n  Security = ADS\n realm = SO.EXAMPLE.VN\n workgroup = SO\n"},
            ["winbind"], ["SO.EXAMPLE.VN"],
        ),
        ({"etc/nsswitch.conf": "passwd: winbind\n", "etc/samba/smb.conf": "[global]\nsecurity = user\n"}, [], []),
        ({"etc/nsswitch.conf": "passwd: ldap nis\n", "etc/nslcd.conf": "", "etc/yp.conf": ""}, ["ldap", "nis"], []),
        ({"usr/etc/nsswitch.conf": "passwd: ldap\ngroup: sss\n", "etc/ldap.conf": ""}, ["ldap"], []),
    ],
)  # fmt: skip
def test_a_directory_counts_if_it_is_asked_and_set_up(
    files: Files, directories: list[str], domains: list[str], tmp_path: Path
) -> None:
    found = look(account_central.gather, tmp_path, files)
    assert (found.directories, found.domains, found.managed) == (directories, domains, bool(directories))


@pytest.mark.parametrize(
    "gather",
    [
        account_groups.gather,
        account_consistency.gather,
        account_shadow.gather,
        account_homes.gather,
        account_defaults.gather,
    ],
)
def test_without_the_files_nothing_is_told(gather: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook) as caught:
        look(gather, tmp_path, {})
    assert caught.value.reason is Reason.NOT_INSTALLED


NAME = st.text("abcdefgh_", min_size=1, max_size=6)


@given(st.dictionaries(NAME, st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8))
@thorough
def test_numbers_that_are_used_twice_are_exactly_those_told(accounts: dict[str, tuple[int, int]]) -> None:
    numbers = [uid for uid, _ in accounts.values()]
    found = account_consistency.repeated(
        ((str(uid), name) for name, (uid, _) in accounts.items()), named=True
    )
    assert {int(one.partition(":")[0]) for one in found} == {n for n in numbers if numbers.count(n) > 1}


@given(st.dictionaries(NAME, st.sampled_from(["ad", "ipa", "ldap"]), max_size=4))
@thorough
def test_domains_written_are_read_back(domains: dict[str, str]) -> None:
    text = f"[sssd]\ndomains = {', '.join(domains)}\n"
    text += "".join(f"[domain/{name}]\nid_provider = {kind}\n" for name, kind in domains.items())
    assert account_central.sssd_domains(ini.parse(text)) == domains


@given(st.lists(st.text(max_size=60), max_size=12))
@thorough
def test_no_text_makes_the_parsers_raise_anything_but_value_error(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        account_groups.passwords(lines)
        account_shadow.same_password(lines)
        for path in account_consistency.FIELDS:
            account_consistency.legacy(path, lines)
            account_consistency.malformed(path, lines)
        account_defaults.inactive(text)
        account_central.services(text)
        account_central.sssd_domains(ini.parse(text))
        account_central.samba_domain(ini.parse(text))
    except ValueError:
        return


@pytest.mark.parser
@pytest.mark.parametrize("line", ["a:b:c:d:e:f:g\n", ":" * 1000 + "\n", "+\n"])
def test_eight_megabytes_of_lines_cost_under_a_second_each(line: str) -> None:
    lines = (line * (8_000_000 // len(line))).split("\n")[:100_000]
    started = time.process_time()
    account_groups.passwords(lines)
    account_shadow.same_password(lines)
    account_consistency.malformed("etc/passwd", lines)
    account_consistency.legacy("etc/passwd", lines)
    assert time.process_time() - started < 1 * slowness()
