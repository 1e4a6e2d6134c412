"""Match blocks are compared with what holds for everybody; keys are told by kind and length only."""

import base64
import contextlib
import os
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.access import account_keys, ssh_client, ssh_public_key, sshd_host_keys, sshd_match
from vonggac_agent.facts.access.account_files import PasswdEntry
from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.ssh import AccountKeys, HostKey, SshClient, SshdHostKeys, SshdMatch

SSHD: dict[str, str | bytes | Link] = {"usr/sbin/sshd": ""}


def openssh(
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | dsa.DSAPublicKey,
) -> str:
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


RSA = openssh(rsa.RSAPublicNumbers(65537, (1 << 2047) + 1).public_key())
ED25519 = openssh(ed25519.Ed25519PrivateKey.from_private_bytes(b"\1" * 32).public_key())
P384 = openssh(ec.derive_private_key(7, ec.SECP384R1()).public_key())
DSA = (
    "ssh-dss "
    + base64.b64encode(
        b"".join(
            len(p).to_bytes(4) + p for p in (b"ssh-dss", b"\0\x80" + b"\1" * 127, b"\1" * 20, b"\2", b"\3")
        )
    ).decode()
)


def blocks(folder: Path, config: str, **more: str) -> SshdMatch:
    files = {**SSHD, "etc/ssh/sshd_config": config}
    files |= {name.replace("__", "/"): text for name, text in more.items()}
    value, _ = sshd_match.gather(mounted(folder, files), ())
    return value


def test_a_block_tells_what_it_allows_beyond_the_rest(tmp_path: Path) -> None:
    found = blocks(
        tmp_path,
        "PermitRootLogin no\nPasswordAuthentication no\nX11Forwarding yes\nAuthenticationMethods publickey,password\n"
        "Match User an Address 10.0.0.0/8\n PermitRootLogin prohibit-password\n PasswordAuthentication yes\n"
        " X11Forwarding yes\n AuthenticationMethods publickey\nMatch Group sftp\n AllowTcpForwarding no\n",
    )
    assert [(b.criteria, b.loosens) for b in found.blocks] == [
        ("User an Address 10.0.0.0/8", ["root-login", "password", "methods"]),
        ("Group sftp", []),
    ]


def test_an_included_block_is_seen_and_the_first_value_in_it_counts(tmp_path: Path) -> None:
    found = blocks(
        tmp_path,
        "Include more\n",
        etc__ssh__more="Match User a\nPermitEmptyPasswords yes\nPermitEmptyPasswords no\nPermitTunnel maybe\n",
    )
    assert [b.loosens for b in found.blocks] == [["empty-passwords", "tunnel"]]


def test_a_block_loosens_nothing_that_an_earlier_match_all_has_set(tmp_path: Path) -> None:
    """`sshd -T -C user=root,…` of OpenSSH 9.2 said `permitrootlogin no` of the first, and yes without its block."""
    config = "PermitRootLogin no\nMatch all\nPermitRootLogin no\nMatch User root\nPermitRootLogin yes\n"
    assert [b.loosens for b in blocks(tmp_path / "a", config).blocks] == [[]]
    config = "PermitRootLogin no\nMatch User root\nPermitRootLogin yes\nMatch all\nPermitRootLogin no\n"
    assert [b.loosens for b in blocks(tmp_path / "b", config).blocks] == [["root-login"]]


def test_blocks_of_a_file_that_a_block_includes_hold_only_in_that_block(tmp_path: Path) -> None:
    """`sshd -T` of OpenSSH 9.2 said `permitrootlogin yes` and `x11forwarding yes` with `-C user=root,…`, else no."""
    found = blocks(
        tmp_path,
        "PermitRootLogin no\nMatch User root\nInclude more\n",
        etc__ssh__more="Match all\nPermitRootLogin yes\nMatch Group root\nX11Forwarding yes\n",
    )
    assert [(b.criteria, b.loosens) for b in found.blocks] == [
        ("User root", ["root-login"]),
        ("User root Group root", ["x11-forwarding"]),
    ]


@pytest.mark.parametrize(
    ("methods", "fewest"),
    [
        (["any"], 1),
        (["publickey,password"], 2),
        (["publickey,publickey"], 1),
        (["publickey,keyboard-interactive:pam", "password"], 1),
        (["publickey,password,keyboard-interactive", "gssapi-with-mic,password"], 2),
    ],
)
def test_the_shortest_list_of_methods_says_how_many_are_asked(methods: list[str], fewest: int) -> None:
    assert sshd_match.fewest_factors(methods) == fewest


@pytest.mark.parametrize(
    ("line", "kind", "bits"),
    [(RSA, "rsa", 2048), (ED25519, "ed25519", 256), (P384, "ecdsa", 384), (DSA, "dsa", 1024)],
)
def test_a_key_is_told_by_its_kind_and_length(line: str, kind: str, bits: int) -> None:
    assert ssh_public_key.parse_line(f"{line} an@desk") == (kind, bits, ())


def test_options_before_a_key_are_told_by_name() -> None:
    line = f'restrict,from="10.0.0.1,!*.example",command="echo \\"ssh-rsa AAAA\\" , b" {RSA} x'
    assert ssh_public_key.parse_line(line) == ("rsa", 2048, ("restrict", "from", "command"))


@pytest.mark.parametrize(
    "line",
    ["", "# " + RSA, "ssh-rsa", "ssh-rsa AAAA", "ssh-ed25519 " + RSA.split()[1], "x " * 9, 'from="a b'],
)
def test_what_sshd_passes_over_is_no_key(line: str) -> None:
    assert ssh_public_key.parse_line(line) is None


OPTION = st.sampled_from(
    ["restrict", "no-pty", 'from="10.0.0.0/8"', 'command="a \\"b\\" # c, d"', 'environment="A=b"']
)


@given(
    st.lists(OPTION, max_size=4),
    st.sampled_from([RSA, ED25519, P384, DSA]),
    st.sampled_from(["", " x", "\ty z"]),
)
@thorough
def test_what_is_written_is_read_back(options: list[str], key: str, comment: str) -> None:
    line = (",".join(options) + " " if options else "") + key + comment
    found = ssh_public_key.parse_line(line)
    plain = ssh_public_key.parse_line(key)
    assert found is not None
    assert plain is not None
    assert (found.type, found.bits) == (plain.type, plain.bits)
    assert list(found.options) == [option.partition("=")[0] for option in options]


@given(
    st.text(max_size=200) | st.binary(max_size=200).map(lambda b: "ssh-rsa " + base64.b64encode(b).decode())
)
@thorough
def test_no_line_makes_the_reader_of_keys_raise(line: str) -> None:
    ssh_public_key.parse_line(line)


@pytest.mark.parser
@pytest.mark.parametrize(
    "text",
    [
        '"' * 10_000_000,
        "a,b=" * 2_500_000,
        'a="\\' * 2_500_000,
        "ssh-rsa " + "A" * 10_000_000,
        "ssh-rsa A\n" * 1_000_000,
    ],
)
def test_ten_megabytes_of_keys_cost_under_a_second(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(ValueError):
        list(account_keys.keys("an", "x", text, administrator=False))
    assert time.process_time() - started < 1 * slowness()


def look(folder: Path, files: dict[str, str | bytes | Link]) -> AccountKeys:
    value, _ = account_keys.gather(mounted(folder, files), ())
    return value


PASSWD = (
    "root:x:0:0::/root:/bin/bash\nan:x:1000:1000::/home/an:/bin/bash\nbin:x:2:2::/bin:/usr/sbin/nologin\n"
    "hai:x:1001:1001::/home/hai:/bin/sh\n"
)


def test_every_account_with_a_shell_is_looked_at_where_the_server_looks(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        {
            **SSHD,
            "etc/passwd": PASSWD,
            "etc/group": "sudo:x:27:an\n",
            "etc/ssh/sshd_config": "AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%u none %x\n",
            "root/.ssh/authorized_keys": f'from="10.0.0.9" {ED25519}\n# {RSA}\n',
            "home/an/.ssh/authorized_keys": f'{RSA}\nrestrict,command="x" {DSA}\n',
            "etc/ssh/keys/hai": f"{P384} hai\n",
            "bin/.ssh/authorized_keys": RSA,
        },
    )
    assert [(k.account, k.type, k.bits, k.administrator, k.limited_sources) for k in found.keys] == [
        ("root", "ed25519", 256, True, True),
        ("an", "rsa", 2048, True, False),
        ("an", "dsa", 1024, True, False),
        ("hai", "ecdsa", 384, False, False),
    ]
    assert found.keys[2].path == "/home/an/.ssh/authorized_keys:2"
    assert (found.keys[2].limited_command, found.keys[2].restricted) == (True, True)
    assert [f.path for f in found.files] == [
        "/root/.ssh/authorized_keys", "/home/an/.ssh/authorized_keys", "/etc/ssh/keys/hai",
    ]  # fmt: skip


def test_who_else_could_write_the_file_or_what_leads_to_it_is_told(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/passwd": f"an:x:{os.getuid()}:0::/home/an:/bin/sh\n",
        "home/an/.ssh/authorized_keys": RSA,
    }
    host = mounted(tmp_path, files)
    for path, mode in (("home/an", 0o770), ("home/an/.ssh", 0o700), ("home/an/.ssh/authorized_keys", 0o602)):
        (tmp_path / path).chmod(mode)
    [found] = account_keys.gather(host, ())[0].files
    assert found.writers == ["/home/an/.ssh/authorized_keys", "/home/an"]
    assert (found.owned, found.permissions) == (True, ["u+r", "u+w", "o+w"])


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (".ssh/authorized_keys", "/home/an/.ssh/authorized_keys"),
        ("/etc/keys/%u/%U%%", "/etc/keys/an/1000%"),
        ("%h/k", "/home/an/k"),
        ("none", None),
        ("%k", None),
        ("a%", None),
    ],
)
def test_the_patterns_of_the_servers_setting_are_filled_in(pattern: str, path: str | None) -> None:
    entry = PasswdEntry("an", None, "", 1000, 1000, "/home/an", "/bin/sh")
    assert account_keys.expand(pattern, entry) == path


def test_without_accounts_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook) as caught:
        look(tmp_path, {})
    assert caught.value.reason is Reason.NOT_INSTALLED


def host_keys(folder: Path, files: dict[str, str | bytes | Link]) -> SshdHostKeys:
    value, _ = sshd_host_keys.gather(mounted(folder, {**SSHD, **files}), ())
    return value


def test_the_servers_keys_are_the_default_ones_that_are_there_or_those_it_names(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/ssh/ssh_host_rsa_key.pub": f"{RSA} root@x\n",
        "etc/ssh/ssh_host_ed25519_key": "private",
        "etc/ssh/ssh_host_dsa_key.pub": DSA,
    }
    assert host_keys(tmp_path / "a", {**files, "etc/ssh/sshd_config": ""}).keys == [
        HostKey("/etc/ssh/ssh_host_rsa_key", "rsa", 2048),
        HostKey("/etc/ssh/ssh_host_ed25519_key", "unknown", 0),
    ]
    named = {**files, "etc/ssh/sshd_config": "HostKey /etc/ssh/ssh_host_dsa_key\nHostKey /etc/ssh/gone\n"}
    assert host_keys(tmp_path / "b", named).keys == [HostKey("/etc/ssh/ssh_host_dsa_key", "dsa", 1024)]


@pytest.mark.parametrize("gather", [sshd_match.gather, sshd_host_keys.gather])
def test_without_a_server_there_are_no_blocks_and_keys_to_tell(gather: type, tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook) as caught:
        gather(mounted(tmp_path, {}), ())
    assert caught.value.reason is Reason.NOT_INSTALLED


def client(folder: Path, files: dict[str, str | bytes | Link]) -> SshClient:
    value, _ = ssh_client.gather(mounted(folder, {"usr/bin/ssh": "", **files}), ())
    return value


def test_the_client_is_read_section_by_section_with_includes_in_their_place(tmp_path: Path) -> None:
    found = client(
        tmp_path,
        {
            "etc/ssh/ssh_config": "Include /etc/ssh/ssh_config.d/*.conf\nHost *\n  ForwardX11 no\n"
            "Host backup 10.0.0.*\n StrictHostKeyChecking off\n UserKnownHostsFile /dev/null\n"
            "Match all\n Ciphers ^aes256-ctr,aes128-ctr\n",
            "etc/ssh/ssh_config.d/10-a.conf": "ForwardAgent yes\nStrictHostKeyChecking accept-new\n",
            "etc/ssh/ssh_config.d/old": "ForwardX11 yes\n",
        },
    )
    assert [
        (s.hosts, s.host_key_check, s.forgets_hosts, s.forward_agent, s.forward_x11) for s in found.sections
    ] == [
        ("*", "accept-new", False, "yes", ""),
        ("*", "", False, "", "no"),
        ("backup 10.0.0.*", "no", True, "", ""),
        ("*", "", False, "", ""),
    ]
    assert found.sections[-1].ciphers == ["^aes256-ctr", "aes128-ctr"]


def test_a_machine_without_the_client_has_none(tmp_path: Path) -> None:
    assert ssh_client.gather(mounted(tmp_path, {}), ())[0] == SshClient(installed=False, sections=[])


def test_client_includes_without_end_are_refused() -> None:
    with pytest.raises(ValueError, match="deeper than 16"):
        ssh_client.parse(["Include x"], lambda _: [["Include x"]])
    with pytest.raises(ValueError, match="over 20000 lines"):
        ssh_client.parse(["Host a"] * 3000, lambda _: [])


KEYWORD = st.sampled_from(["ForwardAgent", "ForwardX11", "PermitLocalCommand", "HashKnownHosts"])
SAID = st.dictionaries(KEYWORD, st.sampled_from(["yes", "no"]), min_size=1, max_size=3)
SECTION = st.tuples(st.sampled_from(["*", "a b", "10.0.0.*", "!x *.vn"]), SAID)


@given(st.lists(SECTION, max_size=5))
@thorough
def test_sections_written_are_read_back(sections: list[tuple[str, dict[str, str]]]) -> None:
    lines = [
        line
        for hosts, words in sections
        for line in (f"Host {hosts}", *(f"  {keyword} {value}" for keyword, value in words.items()))
    ]
    read = ssh_client.parse(lines, lambda _: [])
    assert [(s.hosts, {k: v[0] for k, v in s.words.items()}) for s in read] == [
        (hosts, {keyword.lower(): value for keyword, value in words.items()}) for hosts, words in sections
    ]


@given(st.lists(st.text(max_size=60), max_size=20))
@thorough
def test_no_text_makes_the_client_reader_raise_anything_but_value_error(lines: list[str]) -> None:
    try:
        for section in ssh_client.parse(lines, lambda _: []):
            ssh_client.describe(section)
    except ValueError:
        return


def test_keys_of_the_bound_of_a_file_are_read(tmp_path: Path) -> None:
    text = (ED25519 + "\n") * (200 * limits.KIB // len(ED25519))
    files: dict[str, str | bytes | Link] = {"etc/passwd": PASSWD, "root/.ssh/authorized_keys": text}
    assert len(look(tmp_path, files).keys) == text.count("\n")
