"""The demands on passwords and logins are those of the weakest way in, modules' own defaults included."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, Link, mounted, this_machine

from vonggac_agent.facts.access import account_policy, login_defs, pam
from vonggac_agent.facts.access.pam import Step
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.access import AccountPolicy

PAM = FIXTURES / "pam"
DEFS = (FIXTURES / "accounts" / "login.defs-debian12").read_text()
DEBIAN: dict[str, str | bytes | Link] = {
    "etc/login.defs": DEFS,
    "etc/pam.d/passwd": (PAM / "passwd-debian12").read_text(),
    "etc/pam.d/common-password": (PAM / "common-password-debian12-pwquality").read_text(),
    "etc/pam.d/login": (PAM / "login-debian12").read_text(),
    "etc/pam.d/common-auth": (PAM / "common-auth-debian12").read_text(),
}
REDHAT: dict[str, str | bytes | Link] = {
    "etc/pam.d/system-auth": (PAM / "system-auth-redhat9").read_text(),
    "etc/pam.d/password-auth": (PAM / "system-auth-redhat9").read_text(),
    "etc/pam.d/passwd": "auth include system-auth\npassword substack system-auth\n",
    "etc/pam.d/login": "auth substack system-auth\n",
    "etc/pam.d/sshd": "auth substack password-auth\n",
}


def look(folder: Path, files: dict[str, str | bytes | Link]) -> AccountPolicy:
    value, _ = account_policy.gather(mounted(folder, files), ())
    return value


def test_debian_12_with_pwquality_as_it_is_installed(tmp_path: Path) -> None:
    assert look(tmp_path, DEBIAN) == AccountPolicy(
        maximum_age=99999,
        minimum_length=8,
        minimum_classes=0,
        history=None,
        lockout_after=None,
        lockout_seconds=None,
        scheme="yescrypt",
        umask="022",
        session_timeout=None,
    )


def test_red_hat_9_as_authselect_writes_it(tmp_path: Path) -> None:
    policy = look(tmp_path, {**REDHAT, "etc/security/pwquality.conf": "minlen = 12\nminclass=3 # of four\n"})
    assert (policy.minimum_length, policy.minimum_classes) == (12, 3)
    assert policy.history == 10
    assert (policy.lockout_after, policy.lockout_seconds) == (3, 600)
    assert policy.scheme == "sha512"


def test_faillock_conf_is_asked_where_the_line_says_nothing(tmp_path: Path) -> None:
    policy = look(
        tmp_path, {**REDHAT, "etc/security/faillock.conf": "deny = 5\nunlock_time = never\nsilent\n"}
    )
    assert (policy.lockout_after, policy.lockout_seconds) == (5, 0)


def test_one_way_in_that_never_locks_means_there_is_no_lock(tmp_path: Path) -> None:
    policy = look(tmp_path, {**REDHAT, "etc/pam.d/sshd": "auth required pam_unix.so\n"})
    assert (policy.lockout_after, policy.lockout_seconds) == (None, None)


def test_the_weakest_of_two_locks_is_told() -> None:
    assert account_policy.weakest_lockout([(3, 0), (5, 900)]) == (5, 900)
    assert account_policy.weakest_lockout([(3, 0), (5, 0)]) == (5, 0)
    assert account_policy.weakest_lockout([]) == (None, None)


def step(module: str, *arguments: str, control: str = "requisite") -> Step:
    return Step("password", control, module, arguments)


@pytest.mark.parametrize(
    ("line", "length", "classes"),
    [
        (step("pam_pwquality.so", "minlen=14"), 14, 0),
        (step("pam_pwquality.so", "minlen=4"), 6, 0),  # pwquality.conf(5): never below 6
        (step("pam_pwquality.so", "minlen=14", "dcredit=2", "ucredit=1"), 11, 0),
        (step("pam_pwquality.so", "dcredit=-1", "ucredit=-1", "lcredit=-1"), 8, 3),
        (step("pam_cracklib.so"), 5, 0),
        (step("pam_cracklib.so", "minlen=12", "dcredit=-1", "ucredit=-1", "lcredit=-1", "ocredit=-1"), 12, 4),
        (step("pam_passwdqc.so", "min=disabled,24,11,10,9"), 9, 0),
        (step("pam_passwdqc.so"), 7, 0),
        (step("pam_unix.so", "obscure", "yescrypt"), 6, 0),
        (step("pam_unix.so", "minlen=10"), 10, 0),
    ],
)
def test_each_module_asks_what_its_manual_says(line: Step, length: int, classes: int) -> None:
    assert account_policy.quality(line, {}) == (length, classes)


@pytest.mark.parametrize(
    "line",
    [
        step("pam_pwquality.so", "minlen=14", control="optional"),
        step("pam_pwquality.so", "enforcing=0"),
        step("pam_unix.so"),
        step("pam_permit.so", "minlen=99"),
    ],
)
def test_a_line_that_cannot_refuse_asks_nothing(line: Step) -> None:
    assert account_policy.quality(line, {}) is None


def test_pwquality_conf_wins_over_its_folder_and_an_argument_over_both(tmp_path: Path) -> None:
    files = {
        **REDHAT,
        "etc/security/pwquality.conf.d/10-a.conf": "minlen = 10\nminclass = 2\n",
        "etc/security/pwquality.conf.d/20-b.conf": "minlen = 11\n",
        "etc/security/pwquality.conf.d/30-c.off": "minlen = 99\n",
        "etc/security/pwquality.conf": "minlen = 12\n",
    }
    assert (look(tmp_path / "a", files).minimum_length, look(tmp_path / "b", files).minimum_classes) == (
        12,
        2,
    )
    files["etc/pam.d/system-auth"] = "password requisite pam_pwquality.so minlen=16\n"
    assert look(tmp_path / "c", files).minimum_length == 16


def test_includes_that_lead_in_a_circle_are_refused() -> None:
    def read(name: str) -> list[str]:
        return ["@include a"]

    with pytest.raises(ValueError, match="deeper than"):
        pam.stack("a", "auth", read)


def test_includes_that_multiply_are_refused() -> None:
    def read(name: str) -> list[str]:
        return ["# nothing but"] + [f"auth include {int(name) + 1}"] * 30 if int(name) < 15 else []

    with pytest.raises(ValueError, match="over 20000 lines"):
        pam.stack("0", "auth", read)


def test_an_include_reads_only_names_inside_pam_d() -> None:
    asked: list[str] = []

    def read(name: str) -> list[str] | None:
        asked.append(name)
        return (
            ["auth include ../../etc/shadow", "@include /etc/pam.d/common-auth"] if name == "login" else None
        )

    assert pam.stack("login", "auth", read) == []
    assert asked == ["login", "shadow", "common-auth"]


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        (["TMOUT=900"], 900),
        (["readonly TMOUT=600", "TMOUT=9999"], 600),
        (["TMOUT=600", "readonly TMOUT", "export TMOUT"], 600),
        (["TMOUT=600 ; readonly TMOUT ; export TMOUT", "export TMOUT=0"], 600),
        (["declare -xr TMOUT=300"], 300),
        (["typeset -r TMOUT=300", "TMOUT=0"], 300),
        (["export TMOUT=300", "TMOUT=0"], None),
        (["# TMOUT=300"], None),
        (["[ -z x ] && TMOUT=300 # short"], 300),
        (['TMOUT="450"'], 450),
        (["MYTMOUT=300"], None),
        (["TMOUT=$OTHER"], None),
    ],
)
def test_the_time_limit_of_a_shell_is_the_one_in_force_at_the_end(
    lines: list[str], seconds: int | None
) -> None:
    assert account_policy.session_timeout([lines]) == seconds


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1000", 1000),
        ("022", 18),
        ("0x1F", 31),
        ("-1", -1),
        ("abc", None),
        ("", None),
        ("9" * 30, None),
        ("08", 8),
    ],
)
def test_numbers_of_login_defs_are_read_as_the_shadow_suite_reads_them(text: str, number: int | None) -> None:
    assert login_defs.number(login_defs.parse([f"UID_MIN\t{text}"]), "UID_MIN") == number


def test_a_root_with_neither_file_could_not_be_looked_at(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match=r"login\.defs") as caught:
        look(tmp_path, {"etc/passwd": ""})
    assert caught.value.reason is Reason.NOT_INSTALLED


@given(st.dictionaries(st.sampled_from("abc"), st.lists(st.text(max_size=80), max_size=10)))
def test_no_stack_makes_the_parser_raise_anything_but_value_error(files: dict[str, list[str]]) -> None:
    read: Callable[[str], list[str] | None] = files.get
    try:
        steps = pam.stack("a", "auth", read) or []
    except ValueError:
        return
    for found in steps:
        account_policy.quality(found, {})
    account_policy.lockout(steps, {})
    account_policy.history(steps, {})


def test_this_machine_says_something() -> None:
    policy, source = account_policy.gather(this_machine(), ())
    assert policy.maximum_age is not None
    assert "login.defs" in source
