"""PAM's stacks as they are run, what they ask beyond the password, and where two factors are asked."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.access import pam, pam_checks, pam_limits, pam_second_factor, pam_stack, sshd_config
from vonggac_agent.facts.access.pam import Step
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.pam import FactorModule, LimitEntry, PamChecks, PamStep, SecondFactor

Files = dict[str, str | bytes | Link]
PAM = FIXTURES / "pam"
REDHAT: Files = {
    "etc/pam.d/system-auth": (PAM / "system-auth-redhat9").read_text(),
    "etc/pam.d/passwd": "auth include system-auth\npassword substack system-auth\n",
    "etc/pam.d/login": "auth substack system-auth\n",
    "etc/pam.d/sshd": "auth substack system-auth\n",
}


def test_a_stack_is_told_in_order_with_what_it_includes(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "etc/pam.d/su": "auth sufficient pam_rootok.so\n# auth required pam_wheel.so\n@include common\n"
            "-session optional pam_mysql.so host=db passwd=Secret\n",
            "usr/lib/pam.d/common": "auth [success=1 default=ignore] pam_unix.so nullok \\\n try_first_pass\n",
        },
    )
    found, source = pam_stack.gather(host, ("su",))
    assert found.exists
    assert found.steps == [
        PamStep("auth", "sufficient", "pam_rootok.so", []),
        PamStep("auth", "success=1 default=ignore", "pam_unix.so", ["nullok", "try_first_pass"]),
        PamStep("session", "optional", "pam_mysql.so", ["host=db", "passwd=…"]),
    ]
    assert source == "etc/pam.d/su and what it includes"
    assert pam_stack.gather(host, ("gone",))[0].exists is False


@pytest.mark.parametrize("service", ["", "../shadow", "/etc/shadow", ".x"])
def test_only_a_name_is_a_service(service: str, tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook) as caught:
        pam_stack.gather(mounted(tmp_path, {}), (service,))
    assert caught.value.reason is Reason.NOT_SUPPORTED


def quality(*arguments: str, **conf: str) -> PamChecks | None:
    return pam_checks.asked(Step("password", "requisite", "pam_pwquality.so", arguments), conf)


def test_pwquality_asks_by_default_for_the_dictionary_and_the_name_but_not_of_root() -> None:
    assert quality("retry=3") == PamChecks(True, True, False, 0, 0)


def test_an_argument_wins_over_the_file() -> None:
    assert quality(
        "maxrepeat=3", "dictcheck=0", maxrepeat="5", usercheck="0", enforce_for_root=""
    ) == PamChecks(False, False, True, 3, 0)
    assert quality(enforcing="0") is None


def test_cracklib_asks_what_its_line_says() -> None:
    step = Step("password", "required", "pam_cracklib.so", ("reject_username", "maxsequence=4"))
    assert pam_checks.asked(step, {}) == PamChecks(True, True, False, 0, 4)


@pytest.mark.parametrize(
    ("arguments", "conf", "locked"),
    [
        (("authfail",), {}, False),
        (("authfail", "even_deny_root"), {}, True),
        (("authfail",), {"even_deny_root": ""}, True),
        (("authfail", "root_unlock_time=60"), {}, True),
        (("authfail",), {"root_unlock_time": "60"}, True),
        (("authfail", "deny=0"), {"even_deny_root": ""}, None),
        (("preauth",), {"even_deny_root": ""}, None),
    ],
)
def test_root_is_locked_if_a_line_or_the_file_says_so(
    arguments: tuple[str, ...], conf: dict[str, str], locked: bool | None
) -> None:
    assert pam_checks.locks_root([Step("auth", "required", "pam_faillock.so", arguments)], conf) is locked


def test_tally2_locks_root_by_its_own_word() -> None:
    steps = [Step("auth", "required", "pam_tally2.so", ("deny=3", "even_deny_root"))]
    assert pam_checks.locks_root(steps, {}) is True


def test_red_hat_9_as_authselect_writes_it(tmp_path: Path) -> None:
    files = {**REDHAT, "etc/pam.d/system-auth.rpmnew": "auth required pam_unix.so nullok\n"}
    found, _ = pam_checks.gather(mounted(tmp_path, files), ())
    assert (found.dictionary, found.root_too, found.root_locked) == (True, False, False)
    lines = str(REDHAT["etc/pam.d/system-auth"]).split("\n")
    expected = [
        f"etc/pam.d/system-auth:{n}"
        for n, line in enumerate(lines, 1)
        if "pam_unix.so" in line and "nullok" in line
    ]
    assert found.empty_allowed == expected
    assert len(expected) == 2


def test_one_way_in_that_never_locks_means_nobody_is_locked(tmp_path: Path) -> None:
    files = {**REDHAT, "etc/pam.d/sshd": "auth required pam_unix.so\n"}
    assert pam_checks.gather(mounted(tmp_path, files), ())[0].root_locked is None


def test_limits_are_read_in_the_order_pam_reads_them(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "etc/security/limits.conf": "# x\n*  hard  maxlogins 10 # x\n@ops - nofile unlimited\n* x y 1\n",
            "etc/security/limits.d/20-b.conf": "root soft nproc 5\n",
            "etc/security/limits.d/10-a.conf": "* hard maxlogins many\n* HARD Core 0\n",
            "etc/security/limits.d/30.off": "* hard maxlogins 1\n",
        },
    )
    assert pam_limits.gather(host, ())[0].entries == [
        LimitEntry("*", "hard", "maxlogins", 10),
        LimitEntry("@ops", "-", "nofile", -1),
        LimitEntry("*", "hard", "core", 0),
        LimitEntry("root", "soft", "nproc", 5),
    ]


ENTRY = st.builds(
    LimitEntry,
    st.sampled_from(["*", "an", "@ops", "%", "1000:"]),
    st.sampled_from(["soft", "hard", "-"]),
    st.sampled_from(["core", "maxlogins", "nproc", "nofile"]),
    st.integers(-1, 10**9),
)


@given(st.lists(ENTRY, max_size=8))
@thorough
def test_limits_written_are_read_back(entries: list[LimitEntry]) -> None:
    text = "".join(f"{e.domain}\t{e.type} {e.item}   {e.value}\n" for e in entries)
    assert pam_limits.parse(text) == entries


STEP = st.builds(
    Step,
    st.sampled_from(["auth", "account", "password", "session"]),
    st.sampled_from(["required", "requisite", "sufficient", "optional", "success=1 default=ignore"]),
    st.sampled_from(["pam_unix.so", "pam_deny.so", "pam_x.so"]),
    st.lists(st.sampled_from(["nullok", "deny=3", "use_uid", "x=y"]), max_size=3).map(tuple),
)


@given(st.lists(STEP, max_size=8))
@thorough
def test_stacks_written_are_read_back(steps: list[Step]) -> None:
    lines = [
        f"{s.type} {f'[{s.control}]' if ' ' in s.control else s.control} {s.module} {' '.join(s.arguments)}"
        for s in steps
    ]
    assert pam.steps("x", lambda _: lines) == steps


@given(st.lists(st.text(max_size=60), max_size=12))
@thorough
def test_no_text_makes_the_parsers_raise_anything_but_value_error(lines: list[str]) -> None:
    try:
        pam_checks.empty_allowed("x", lines)
        pam_limits.parse("\n".join(lines))
        steps = pam.steps("x", lambda _: lines) or []
        pam_checks.locks_root(steps, {})
        pam_second_factor.describe(sshd_config.parse(lines, lambda _: []), {"sshd": steps}, ["sudo"])
    except ValueError:
        return


@pytest.mark.parser
@pytest.mark.parametrize(
    "line", ["* hard core 0\n", "auth [a b] pam_unix.so nullok\n", "[" * 50 + "\n", "# \n"]
)
def test_a_megabyte_of_lines_costs_under_a_second(line: str) -> None:
    text = line * (1_000_000 // len(line))
    started = time.process_time()
    for parse in (pam_limits.parse, lambda t: pam_checks.empty_allowed("x", t.split("\n"))):
        try:
            parse(text)
        except ValueError:
            continue
    assert time.process_time() - started < 1 * slowness()


def second(folder: Path, config: str, sshd: str = "auth required pam_unix.so\n", **more: str) -> SecondFactor:
    files: Files = {"usr/sbin/sshd": "", "etc/ssh/sshd_config": config, "etc/pam.d/sshd": sshd}
    files["etc/group"] = "sudo:x:27:an\nwheel:x:10:\n"
    files |= {name.replace("__", "/"): text for name, text in more.items()}
    value, _ = pam_second_factor.gather(mounted(folder, files), ())
    return value


TOKEN = "auth required pam_unix.so\nauth required pam_google_authenticator.so\n"
BOTH = "UsePAM yes\nAuthenticationMethods publickey,keyboard-interactive\n"


@pytest.mark.parametrize(
    ("config", "sshd", "two"),
    [
        ("UsePAM yes\n", "auth required pam_unix.so\n", False),
        (BOTH, "auth required pam_unix.so\n", True),
        (BOTH + "PubkeyAuthentication yes\n", "", False),
        ("AuthenticationMethods publickey,password publickey\n", "", False),
        ("AuthenticationMethods publickey,password gssapi-with-mic,password\n", "", True),
        ("AuthenticationMethods publickey,publickey\n", TOKEN, False),
        ("UsePAM yes\nPubkeyAuthentication no\nPasswordAuthentication no\n", TOKEN, True),
        ("UsePAM yes\nPubkeyAuthentication no\n", TOKEN, True),
        ("UsePAM yes\n", TOKEN, False),
        ("UsePAM yes\nPubkeyAuthentication no\n", TOKEN.replace("tor.so", "tor.so nullok"), False),
        ("UsePAM yes\nPubkeyAuthentication no\n", TOKEN.replace("required pam_g", "optional pam_g"), False),
        ("UsePAM no\nPubkeyAuthentication no\nKbdInteractiveAuthentication no\n", TOKEN, False),
        (
            "PubkeyAuthOptions touch-required,verify-required\nPubkeyAcceptedAlgorithms sk-ssh-ed25519@openssh.com\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\n",
            "", True,
        ),
        ("PubkeyAuthentication no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n", "", False),
    ],
)  # fmt: skip
def test_two_factors_are_asked_only_if_every_way_in_asks_for_two_kinds(
    config: str, sshd: str, two: bool, tmp_path: Path
) -> None:
    found = second(tmp_path, config, sshd)
    assert (found.ssh, found.ssh_everybody) == (True, two)


def test_a_block_of_the_administrators_group_is_enough_for_administrators(tmp_path: Path) -> None:
    block = (
        "PermitRootLogin no\nUsePAM yes\nMatch Group sudo,ops\n AuthenticationMethods publickey,password\n"
    )
    assert second(tmp_path / "a", block).ssh_administrators
    assert not second(tmp_path / "b", block.replace("Root", "Tty")).ssh_administrators
    assert not second(tmp_path / "c", block.replace("sudo,", "")).ssh_administrators
    assert not second(tmp_path / "d", block, etc__group="sudo:x:27:an\nwheel:x:10:ba\n").ssh_administrators
    assert not second(tmp_path / "e", block.replace("Group sudo", "User an Group sudo")).ssh_administrators


def test_blocks_where_one_factor_is_enough_are_exceptions_unless_for_private_addresses(
    tmp_path: Path,
) -> None:
    found = second(
        tmp_path,
        BOTH + "Match User backup\n AuthenticationMethods publickey\nMatch Address 10.0.0.0/8,fd00::/8\n"
        " AuthenticationMethods any\nMatch Address 203.0.113.0/24,!8.8.8.8\n AuthenticationMethods any\nMatch User x\n",
    )
    assert found.ssh_exceptions == ["User backup", "Address 203.0.113.0/24,!8.8.8.8"]


def test_modules_are_named_with_their_service_and_whether_they_are_required(tmp_path: Path) -> None:
    found = second(
        tmp_path,
        "",
        TOKEN.replace("tor.so", "tor.so nullok"),
        etc__pam_d__x="",
        **{
            "etc/pam.d/sudo": "auth sufficient pam_u2f.so\nauth required pam_oath.so\n",
            "etc/pam.d/login": "auth [success=1 default=ignore] pam_sss.so require_cert_auth\n"
            "auth optional pam_python.so /a/privacyidea_pam.py\n",
        },
    )
    assert found.modules == [
        FactorModule("sshd", "pam_google_authenticator.so", False),
        FactorModule("login", "pam_sss.so", False),
        FactorModule("login", "pam_python.so", False),
        FactorModule("sudo", "pam_u2f.so", False),
        FactorModule("sudo", "pam_oath.so", True),
    ]
    assert (found.sudo, found.login) == (True, False)


def test_without_an_ssh_server_nothing_is_said_of_it(tmp_path: Path) -> None:
    found, _ = pam_second_factor.gather(mounted(tmp_path, {}), ())
    assert found == SecondFactor([], False, False, False, [], False, False)
