"""The SSH server's settings are the same whether it tells them itself or its files are read."""

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, NOW, Link, mounted, this_machine

from vonggac_agent.facts import gather
from vonggac_agent.facts.access import sshd_config, sshd_effective
from vonggac_agent.host import Host
from vonggac_contract.facts import CouldNotLook, FactKey, Known, Reason
from vonggac_contract.facts.access import SshdEffective

SSHD = FIXTURES / "sshd"
TOLD = (SSHD / "effective-9.2-debian12.txt").read_text()
DEBIAN = (SSHD / "sshd_config-debian12").read_text()
REDHAT = (SSHD / "50-redhat.conf").read_text()


def look(folder: Path, config: str | bytes, **more: str) -> SshdEffective:
    files: dict[str, str | bytes | Link] = {"usr/sbin/sshd": "", "etc/ssh/sshd_config": config}
    files |= {name.replace("__", "/"): text for name, text in more.items()}
    value, _ = sshd_effective.gather(mounted(folder, files), ())
    return value


def test_debian_12_parsed_says_what_its_server_says_itself(tmp_path: Path) -> None:
    parsed = msgspec.to_builtins(look(tmp_path, DEBIAN))
    told = msgspec.to_builtins(sshd_config.describe(sshd_config.told(TOLD), "effective", 0))
    differing = {name for name in told if told[name] != parsed[name]}
    # Debian carried one key exchange of a later release back to 9.2
    assert differing == {"obtained", "kexalgorithms"}
    assert set(told["kexalgorithms"]) - set(parsed["kexalgorithms"]) == {"sntrup761x25519-sha512"}


def test_the_first_value_wins_and_an_include_stands_where_it_is_written(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        "Include /etc/ssh/sshd_config.d/*.conf\nX11Forwarding no\nPermitRootLogin no\nPermitRootLogin yes\n",
        **{
            "etc__ssh__sshd_config.d__50-redhat.conf": REDHAT,
            "etc__ssh__sshd_config.d__60.off": "UsePAM no\n",
        },
    )
    assert (found.x11forwarding, found.permitrootlogin, found.usepam) == (True, "no", True)
    assert not found.kbdinteractiveauthentication  # by its old name, ChallengeResponseAuthentication


def test_what_stands_in_a_match_block_is_counted_and_not_taken(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        "Match User bob\n  PermitRootLogin yes\n  Include more\nMatch all\nMaxAuthTries 3\nMatch Group x\nUsePAM yes\n",
        etc__ssh__more="PasswordAuthentication no\n",
    )
    assert (found.match_blocks, found.permitrootlogin, found.maxauthtries) == (2, "prohibit-password", 3)
    assert (found.passwordauthentication, found.usepam) == (True, False)


def test_a_match_block_of_an_included_file_ends_with_it(tmp_path: Path) -> None:
    found = look(
        tmp_path, "Include more\nMaxAuthTries 2\n", etc__ssh__more="Match User bob\nMaxAuthTries 9\n"
    )
    assert (found.maxauthtries, found.match_blocks) == (2, 1)


EVERYBODY = """PermitRootLogin no\nPasswordAuthentication no\nPermitEmptyPasswords no\nX11Forwarding no
LogLevel VERBOSE\nCiphers aes128-ctr\nPort 22\nStrictModes yes\nAllowUsers a
Match all\nPermitRootLogin yes\nPasswordAuthentication yes\nPermitEmptyPasswords yes\nX11Forwarding yes
LogLevel DEBUG3\nCiphers aes256-ctr\nPort 23\nStrictModes no\nAllowUsers b
Match all\nPermitRootLogin prohibit-password\nAllowUsers c
"""
TOLD_OF_EVERYBODY = """port 22\nport 23\npermitrootlogin yes\npasswordauthentication yes\npermitemptypasswords yes
x11forwarding yes\nloglevel DEBUG3\nciphers aes128-ctr\nstrictmodes yes\nallowusers b\nallowusers c
"""
"""What `sshd -T` of OpenSSH 9.2 said of EVERYBODY, the lines of the keywords in it."""


def same(parsed: SshdEffective, told: str) -> None:
    there = msgspec.to_builtins(sshd_config.describe(sshd_config.told(told), "parsed", parsed.match_blocks))
    assert msgspec.to_builtins(parsed) == there


def test_match_all_wins_over_what_is_outside_where_a_block_may_set_it(tmp_path: Path) -> None:
    same(look(tmp_path, EVERYBODY), TOLD_OF_EVERYBODY)


@pytest.mark.parametrize(
    ("config", "more", "told"),
    [
        ("Match User bob\nInclude more\n", "Match all\nPermitRootLogin yes\n", "permitrootlogin no"),
        (
            "Match User bob\nInclude more\nX11Forwarding yes\nMatch all\nPermitTunnel yes\n",
            "Match all\nPermitRootLogin yes\n",
            "permitrootlogin no\npermittunnel yes",
        ),
        (
            "Match all\nInclude more\nX11Forwarding yes\n",
            "Match User bob\nPermitRootLogin yes\nMatch all\nPermitTunnel yes\n",
            "permitrootlogin no\nx11forwarding yes\npermittunnel yes",
        ),
        (
            "Include more\nPermitTunnel no\n",
            "Match all\nPermitTunnel yes\n",
            "permitrootlogin no\npermittunnel yes",
        ),
    ],
)
def test_match_all_in_an_included_file_holds_where_the_file_does(
    config: str, more: str, told: str, tmp_path: Path
) -> None:
    """`told` is what `sshd -T` of OpenSSH 9.2 said, the lines that differ from the defaults and PermitRootLogin."""
    same(look(tmp_path, "PermitRootLogin no\n" + config, etc__ssh__more=more), told)


@pytest.mark.parametrize(
    ("config", "limits"),
    [
        ("MaxStartups 10:30:60\nMaxStartups 1000\n", (1000, 1000)),
        ("MaxStartups 1000\nMaxStartups 10:30:60\n", (1000, 1000)),
        ("MaxStartups 20:30:40\nMatch all\nMaxStartups 10:30:60\n", (20, 60)),
    ],
)
def test_of_several_limits_of_logins_under_way_the_loosest_is_told(
    config: str, limits: tuple[int, int], tmp_path: Path
) -> None:
    """`sshd -T` of OpenSSH 9.2 told the last (`1000:30:1000`, `10:30:60`); later releases take the first."""
    found = look(tmp_path, config)
    assert (found.startups_begin, found.startups_full) == limits


def test_a_quoted_name_with_a_blank_is_one_name_whoever_tells_it(tmp_path: Path) -> None:
    """`sshd -T` of OpenSSH 9.2 prints `allowusers b c` for the name "b c", and a hash sign as it is."""
    found = look(tmp_path, 'AllowUsers an "b c"\nDenyUsers "x #y"\nBanner "/etc/a  b #"\n')
    assert (found.allowusers, found.denyusers, found.banner) == (["an", "b c"], ["x #y"], "/etc/a  b #")
    same(found, "banner /etc/a  b #\nallowusers an\nallowusers b c\ndenyusers x #y\n")


class Asked(Host):
    """A root that passes for the running system, whose `sshd -T` says `answer`, or cannot start if it is None."""

    def __init__(self, root: Path, answer: bytes | None, *, live: bool) -> None:
        super().__init__(root, now=NOW)
        self.live = live
        self.answer = answer
        self.ran: list[tuple[str, ...]] = []

    def _target(self, path: str | Path, *, follow: bool = True) -> str:
        return self._walk(path, follow=follow)

    def run(self, argv: tuple[str, ...], *, timeout: float, limit: int) -> bytes:
        self.ran.append(argv)
        if self.answer is None:
            raise CouldNotLook(Reason.MALFORMED, "no host keys")
        return self.answer


@pytest.mark.parametrize(
    ("user", "live", "answer", "root_login", "where"),
    [
        (0, True, b"permitrootlogin yes\n", "yes", "sshd -T"),
        (0, True, None, "no", "etc/ssh/sshd_config (no host keys)"),
        (1000, True, b"permitrootlogin yes\n", "no", "etc/ssh/sshd_config"),
        (0, False, b"permitrootlogin yes\n", "no", "etc/ssh/sshd_config"),
    ],
)
def test_the_server_is_asked_by_root_on_the_running_system_only(
    user: int,
    live: bool,
    answer: bytes | None,
    root_login: str,
    where: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    config = "PermitRootLogin no\nMatch User bob\nX11Forwarding yes\n"
    mounted(tmp_path, {"usr/sbin/sshd": "", "etc/ssh/sshd_config": config})
    host = Asked(tmp_path, answer, live=live)
    found, source = sshd_effective.gather(host, ())
    assert (found.permitrootlogin, source, found.match_blocks) == (root_login, where, 1)
    assert found.obtained == ("effective" if source == "sshd -T" else "parsed")
    assert host.ran == ([("sshd", "-T")] if user == 0 and live else [])


@pytest.mark.parametrize(
    ("line", "present", "absent"),
    [
        ("Ciphers +aes128-cbc", "aes128-cbc", "3des-cbc"),
        ("Ciphers -aes*-ctr,chacha20*", "aes128-gcm@openssh.com", "aes128-ctr"),
        ("Ciphers ^aes256-cbc", "aes128-ctr", "3des-cbc"),
        ("Ciphers 3des-cbc", "3des-cbc", "aes128-ctr"),
    ],
)
def test_lists_add_to_take_from_or_replace_the_defaults(
    line: str, present: str, absent: str, tmp_path: Path
) -> None:
    ciphers = look(tmp_path, line + "\n").ciphers
    assert present in ciphers
    assert absent not in ciphers


def test_a_list_that_puts_first_keeps_the_rest(tmp_path: Path) -> None:
    assert look(tmp_path, "MACs ^hmac-sha2-512\n").macs[:2] == ["hmac-sha2-512", "umac-64-etm@openssh.com"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("120", 120), ("2m", 120), ("1h30m", 5400), ("1w", 604_800), ("90S", 90), ("0", 0)]
)
def test_times_are_read_in_every_unit(text: str, seconds: int) -> None:
    assert sshd_config.seconds(text) == seconds


@pytest.mark.parametrize(
    ("config", "ports"),
    [
        ("", [22]),
        ("Port 2222\nPort 22\n", [22, 2222]),
        ("ListenAddress 10.0.0.1:2022\n", [2022]),
        ("ListenAddress [::1]:2022\nListenAddress 10.0.0.1\nPort 24\n", [24, 2022]),
        ("ListenAddress ::\n", [22]),
    ],
)
def test_ports_are_those_it_listens_on(config: str, ports: list[int], tmp_path: Path) -> None:
    assert look(tmp_path, config).ports == ports


def test_forwarding_limits_methods_and_where_keys_are_looked_for(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        "AllowAgentForwarding no\nPermitTunnel point-to-point\nGatewayPorts clientspecified\nMaxStartups 5:50:20\n"
        "AuthenticationMethods publickey,password gssapi-with-mic\nStrictModes no\nDenyUsers a\nDenyUsers b\n"
        "AuthorizedKeysFile /etc/keys/%u\nAuthorizedKeysCommand /usr/bin/x\nTrustedUserCAKeys /etc/ssh/ca\n",
    )
    assert (found.allowagentforwarding, found.permittunnel, found.gatewayports, found.strictmodes) == (
        False, "point-to-point", "clientspecified", False,
    )  # fmt: skip
    assert (found.startups_begin, found.startups_full) == (5, 20)
    assert found.authenticationmethods == ["publickey,password", "gssapi-with-mic"]
    assert (found.denyusers, found.authorizedkeysfile) == (["a", "b"], ["/etc/keys/%u"])
    assert (found.keys_command, found.user_authorities) == (True, True)


@pytest.mark.parametrize(("text", "limits"), [("10:30:100", (10, 100)), ("7", (7, 7))])
def test_the_limit_of_logins_under_way_is_two_numbers(text: str, limits: tuple[int, int]) -> None:
    assert sshd_config.startups(text) == limits


@pytest.mark.parametrize(
    "line",
    [
        "PermitRootLogin maybe",
        "UsePAM perhaps",
        "MaxAuthTries many",
        "LoginGraceTime 2x",
        "MaxStartups 10:30",
        "PermitTunnel perhaps",
        "Port 0",
        "Port 65536",
        "Port x",
    ],
)
def test_a_value_that_sshd_refuses_is_an_error_and_no_guess(line: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is '|no port|no length of time"):
        look(tmp_path, line + "\n")


@pytest.mark.parametrize(
    ("line", "keyword", "words"),
    [
        ('  Banner = "/etc/issue net"  # x', "banner", ["/etc/issue net"]),
        ("AllowUsers a b@10.0.0.0/8", "allowusers", ["a", "b@10.0.0.0/8"]),
        ("# PermitRootLogin yes", "", []),
        ("", "", []),
        ("UsePAM=yes", "usepam", ["yes"]),
    ],
)
def test_a_line_is_a_keyword_and_words(line: str, keyword: str, words: list[str]) -> None:
    assert sshd_config.split(line) == (keyword, words)


def test_users_and_groups_add_up_over_lines(tmp_path: Path) -> None:
    found = look(tmp_path, "AllowUsers an\nAllowUsers bob eve\nAllowGroups ssh\n")
    assert (found.allowusers, found.allowgroups) == (["an", "bob", "eve"], ["ssh"])


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="deeper than 16"):
        look(tmp_path, "Include sshd_config\n")


def test_includes_that_multiply_are_refused() -> None:
    with pytest.raises(ValueError, match="over 20000 lines"):
        sshd_config.parse(["Include a"], lambda _: [["# one"] * 20_000])


def test_an_include_never_leaves_the_root(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "evil.conf").write_text("PermitRootLogin yes\n")
    found = look(tmp_path / "root", f"Include {outside}/*.conf\nInclude ../../../../..{outside}/*.conf\n")
    assert found.permitrootlogin == "prohibit-password"


def test_without_a_server_there_is_nothing_to_tell(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="no SSH server") as caught:
        sshd_effective.gather(mounted(tmp_path, {"etc/ssh/sshd_config": ""}), ())
    assert caught.value.reason is Reason.NOT_INSTALLED


@given(st.lists(st.text(max_size=60), max_size=20))
def test_no_text_makes_the_parser_raise_anything_but_value_error(lines: list[str]) -> None:
    try:
        sshd_config.describe(sshd_config.parse(lines, lambda _: []), "parsed", 0)
    except ValueError:
        return


def test_the_server_of_this_machine_tells_its_settings_or_is_not_installed() -> None:
    key = FactKey("sshd.effective")
    found = gather(this_machine(), [key])[key]
    installed = any(os.path.exists(f"/{program}") for program in sshd_effective.PROGRAMS)
    if isinstance(found, Known):
        assert installed
        assert found.value.ports
    else:
        assert found.reason is (Reason.PERMISSION_DENIED if installed else Reason.NOT_INSTALLED)
