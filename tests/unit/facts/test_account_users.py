"""Accounts are told with the state of their passwords, and no hash ever leaves the parser."""

import struct
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted, this_machine

from vonggac_agent.facts.access import account_files, account_users
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.access import Account, Accounts

HASHES = {
    "yescrypt": "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
    "gost-yescrypt": "$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
    "sha512": "$6$rounds=5000$abcdefgh$0123456789abcdefghijklmnopqrstuvwxyz./ABCDEFGHIJKLMNOPQ",
    "sha256": "$5$abcdefgh$0123456789abcdefghijklmnopqrstuvwxyz./ABCDE",
    "md5": "$1$abcdefgh$0123456789abcdefghijkl",
    "bcrypt": "$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
    "des": "abJnggxhB/yWI",
    "bsdi": "_J9..CCCCXBrJUJV154M",
}
PASSWD = """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
an:x:1000:1000:An,,,:/home/an:/bin/bash
binh:x:1001:1001::/home/binh:/bin/zsh
chi:x:1002:1002::/home/chi:
dung:x:1003:1003::/home/dung:/bin/false
toor::0:0::/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
+nisuser::::::
broken:x:abc:0::/:/bin/sh
"""
GROUP = "root:x:0:\nsudo:x:27:an,chi\nan:x:1000:\nbinh:x:1001:\nwheel:x:10:binh\n"


def shadow(**fields: str) -> str:
    return "".join(f"{name}:{value}\n" for name, value in fields.items())


def look(folder: Path, files: dict[str, str | bytes | Link]) -> dict[str, Account]:
    value, _ = account_users.gather(mounted(folder, {"etc/passwd": PASSWD, "etc/group": GROUP, **files}), ())
    return {account.name: account for account in value.accounts}


@pytest.mark.parametrize(("scheme", "hashed"), HASHES.items())
def test_a_hash_is_told_by_its_scheme_only(scheme: str, hashed: str, tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/shadow": shadow(root=f"{hashed}:19000:0:99999:7:::", an=f"!{hashed}:19000:0:90:7:30::")
    }
    host = mounted(tmp_path, {"etc/passwd": PASSWD, "etc/group": GROUP, **files})
    value, source = account_users.gather(host, ())
    root, an = value.accounts[0], value.accounts[2]
    assert (root.password, root.scheme) == ("set", scheme)
    assert (an.password, an.scheme) == ("locked", scheme)
    everything = msgspec.json.encode(value).decode() + repr(value) + source
    assert hashed not in everything
    assert hashed[3:] not in everything


@given(
    st.text(st.characters(exclude_characters=":\n"), max_size=30),
    st.sampled_from(["", "!", "!!", "*"]),
    st.sampled_from(["$6$", "$y$", "$1$", "$unheard$", "$", ""]),
)
def test_whatever_stands_in_the_password_field_only_known_words_come_out(
    text: str, mark: str, prefix: str
) -> None:
    state, scheme = account_files.password_state(mark + prefix + text)
    assert state in {"set", "empty", "locked", "none"}
    assert scheme in {*account_files._SCHEMES.values(), "des", "bsdi", "unknown", ""}
    assert (state == "set") <= bool(scheme)


@pytest.mark.parametrize(
    ("field", "state"),
    [
        ("", "empty"),
        ("*", "none"),
        ("!", "locked"),
        ("!!", "locked"),
        ("!*", "locked"),
        ("x", "none"),
        ("$6$", "none"),
    ],
)
def test_a_field_without_a_hash_says_which_kind_of_nothing_it_is(field: str, state: str) -> None:
    assert account_files.password_state(field) == (state, "")


def test_ages_and_dates_are_read_as_days(tmp_path: Path) -> None:
    an = look(tmp_path, {"etc/shadow": shadow(an="$6$a$b:19000:0:90:7:30:20000:")})["an"]
    assert (an.changed, an.maximum_age, an.inactive_after, an.expires) == (
        date(2022, 1, 8),
        90,
        30,
        date(2024, 10, 4),
    )
    assert not an.can_log_in  # it ended in 2024


def test_without_a_shadow_file_passwords_are_not_seen_and_count_as_a_way_in(tmp_path: Path) -> None:
    accounts = look(tmp_path, {})
    assert accounts["an"].password == "not-seen"
    assert accounts["an"].can_log_in
    assert not accounts["daemon"].can_log_in
    assert accounts["toor"].password == "empty"


def test_an_account_missing_from_shadow_has_no_password(tmp_path: Path) -> None:
    an = look(tmp_path, {"etc/shadow": shadow(root="*:::::::")})["an"]
    assert (an.password, an.can_log_in) == ("none", False)


def test_a_key_alone_lets_a_locked_account_in(tmp_path: Path) -> None:
    keys = (
        "# ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI comment\n"
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAbcdefgh an@laptop\n"
        'from="10.0.0.0/8",command="echo ssh-rsa" ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB an@old\n'
        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t\n"
        "nonsense\n"
    )
    files: dict[str, str | bytes | Link] = {
        "etc/shadow": shadow(an="!:::::::", binh="!:::::::"),
        "home/an/.ssh/authorized_keys": keys,
    }
    accounts = look(tmp_path, files)
    assert (accounts["an"].authorized_keys, accounts["an"].can_log_in) == (3, True)
    assert (accounts["binh"].authorized_keys, accounts["binh"].can_log_in) == (0, False)


def test_a_home_that_cannot_be_read_counts_as_a_way_in(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/shadow": shadow(an="!:::::::"),
        "home/an/.ssh/authorized_keys": Link("/dev/zero"),
        "dev/zero/instead": "a folder where a file is looked for",
    }
    an = look(tmp_path, files)["an"]
    assert an.authorized_keys is None
    assert an.can_log_in


def test_administrators_are_uid_0_and_the_members_of_the_groups_that_lead_there(tmp_path: Path) -> None:
    value, _ = account_users.gather(mounted(tmp_path, {"etc/passwd": PASSWD, "etc/group": GROUP}), ())
    assert value.administrators == ["root", "an", "binh", "chi", "toor"]


def test_system_accounts_are_those_below_uid_min_and_nobody(tmp_path: Path) -> None:
    accounts = look(tmp_path, {"etc/login.defs": "UID_MIN 1001\n"})
    assert {name for name, account in accounts.items() if account.system} == {
        *("root", "daemon", "an", "toor", "nobody"),
    }


def test_lines_that_the_c_library_passes_over_are_no_accounts(tmp_path: Path) -> None:
    assert set(look(tmp_path, {})) == {"root", "daemon", "an", "binh", "chi", "dung", "toor", "nobody"}


def test_an_empty_shell_is_the_bourne_shell(tmp_path: Path) -> None:
    assert look(tmp_path, {})["chi"].shell == "/bin/sh"


def lastlog(logins: dict[int, int]) -> bytes:
    size = account_files.LASTLOG_ENTRY.size
    raw = bytearray(size * (max(logins) + 1))
    for uid, seconds in logins.items():
        account_files.LASTLOG_ENTRY.pack_into(raw, uid * size, seconds, b"pts/0", b"10.0.0.9")
    return bytes(raw)


def wtmp(kind: int, name: bytes, seconds: int) -> bytes:
    return account_files.UTMP_ENTRY.pack(
        kind, 1, b"pts/0", b"ts/0", name, b"10.0.0.9", 0, 0, 0, seconds, 0, bytes(16), bytes(20)
    )


def test_the_last_login_is_the_newest_that_lastlog_or_wtmp_knows(tmp_path: Path) -> None:
    records = wtmp(7, b"an", 1_700_000_000) + wtmp(7, b"chi", 1_700_000_000) + wtmp(8, b"binh", 1_700_000_000)
    files: dict[str, str | bytes | Link] = {
        "var/log/lastlog": lastlog({1000: 1_600_000_000, 1001: 1_650_000_000}),
        "var/log/wtmp": records,
    }
    accounts = look(tmp_path, files)
    assert accounts["an"].last_login == date(2023, 11, 14)
    assert accounts["binh"].last_login == date(2022, 4, 15)
    assert accounts["chi"].last_login == date(2023, 11, 14)
    assert accounts["root"].last_login is None


def test_a_torn_wtmp_is_read_by_whole_records(tmp_path: Path) -> None:
    raw = wtmp(7, b"chi", 1_700_000_000) + b"cut"
    assert look(tmp_path, {"var/log/wtmp": raw})["chi"].last_login == date(2023, 11, 14)


def test_the_sizes_of_the_binary_records_are_those_of_glibc() -> None:
    assert account_files.LASTLOG_ENTRY.size == 292
    assert account_files.UTMP_ENTRY.size == 384
    assert struct.calcsize("=i32s256s") == 292


def test_hostile_names_are_kept_and_bounded(tmp_path: Path) -> None:
    names = ["\u202etoor", "\x1b[31mred", "<script>", "=cmd()", "n" * 5000]
    lines = "".join(f"{name}:x:{2000 + n}:1::/h:/bin/sh\n" for n, name in enumerate(names))
    raw = lines.encode() + b"\xff\xfe:x:3000:1::/h:/bin/sh\n"
    value, _ = account_users.gather(mounted(tmp_path, {"etc/passwd": raw}), ())
    seen = [account.name for account in value.accounts]
    assert seen[:4] == names[:4]
    assert len(seen[4]) == 4096
    assert seen[5] == "\\xff\\xfe"


def test_a_root_without_accounts_could_not_be_looked_at(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="etc/passwd") as caught:
        account_users.gather(mounted(tmp_path, {"etc/group": GROUP}), ())
    assert caught.value.reason is Reason.NOT_INSTALLED


@given(
    st.lists(st.text(max_size=60), max_size=20),
    st.lists(st.text(max_size=60), max_size=20),
    st.binary(max_size=2000),
)
def test_no_input_makes_the_parsers_raise(passwd: list[str], shadow: list[str], raw: bytes) -> None:
    account_files.passwd(passwd)
    account_files.shadow(shadow)
    account_files.groups(passwd)
    account_files.wtmp_days(raw)
    account_files.lastlog_day(raw[:292])
    assert account_files.count_keys("\n".join(passwd)) <= len("\n".join(passwd))


def test_this_machine_has_root_and_no_hash_in_what_it_tells() -> None:
    value, _ = account_users.gather(this_machine(), ())
    assert isinstance(value, Accounts)
    root = next(account for account in value.accounts if account.name == "root")
    assert root.uid == 0
    assert "root" in value.administrators
    assert b"$y$" not in msgspec.json.encode(value)
    assert b"$6$" not in msgspec.json.encode(value)
