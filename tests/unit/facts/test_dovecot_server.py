"""Dovecot's settings, as doveconf tells them."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.mail import dovecot_server
from vonggac_contract.facts.mail import DovecotServer

DOVECOT = FIXTURES / "dovecot"
CONFIG = (DOVECOT / "dovecot.conf").read_text(encoding="utf-8")
TOLD = (DOVECOT / "doveconf-n-2.3-debian12.txt").read_text(encoding="utf-8")


def look(folder: Path, config: str, **more: str) -> DovecotServer:
    files: dict[str, str | bytes | Link] = {"usr/sbin/dovecot": "", "etc/dovecot/dovecot.conf": config}
    files |= {"etc/dovecot/" + name.replace("__", "/"): text for name, text in more.items()}
    return dovecot_server.gather(mounted(folder, files), ())[0]


def test_the_settings_are_those_that_doveconf_tells(tmp_path: Path) -> None:
    told = dict(line.split(" = ", 1) for line in TOLD.splitlines() if " = " in line and line[0] not in " #")
    assert look(tmp_path, CONFIG) == DovecotServer(
        installed=True, protocols=told["protocols"].split(), ssl="required", min_protocol=told["ssl_min_protocol"],
        clear_passwords=told["disable_plaintext_auth"] == "no", failure_delay=5, user_connections=4,
        logs_logins=told["auth_verbose"] == "yes", logs_passwords=told["auth_verbose_passwords"] == "plain",
        trusted_networks=told["login_trusted_networks"].split(),
    )  # fmt: skip
    assert (told["ssl"], told["auth_failure_delay"], told["mail_max_userip_connections"]) == (
        "required",
        "5 secs",
        "4",
    )


def test_includes_are_followed_and_the_last_value_counts(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        "ssl = required\n!include conf.d/*.conf\n!include_try local.conf\n!include_try none.conf\n",
        **{
            "conf.d__10-ssl.conf": "ssl = yes # comment\n",
            "conf.d__x.off": "ssl = no\n",
            "local.conf": 'protocols = "imap"\n',
        },
    )
    assert (found.ssl, found.protocols) == ("yes", ["imap"])


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("", "clear_passwords", False),
        ("auth_allow_cleartext = yes", "clear_passwords", True),
        ("auth_debug_passwords = yes", "logs_passwords", True),
        ("auth_verbose_passwords = plain:6", "logs_passwords", True),
        ("auth_verbose_passwords = sha1", "logs_passwords", False),
        ("auth_failure_delay = 1 mins", "failure_delay", 60),
        ("auth_failure_delay = 0", "failure_delay", 0),
        ("auth_failure_delay = 500 msecs", "failure_delay", 0),
        ("auth_failure_delay = soon", "failure_delay", 2),
        ("mail_max_userip_connections = unlimited", "user_connections", 0),
    ],
)
def test_each_setting_means_what_it_means_to_dovecot(
    line: str, field: str, value: object, tmp_path: Path
) -> None:
    assert getattr(look(tmp_path, line), field) == value


def test_a_machine_without_dovecot_says_so(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/dovecot/dovecot.conf": CONFIG})
    assert dovecot_server.gather(host, ())[0] == DovecotServer(installed=False)


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="deeper than 8"):
        look(tmp_path, "!include dovecot.conf\n")


VALUES = st.text("ab/<%{}=#", min_size=1, max_size=6).map(lambda text: f"x{text}y")


@thorough
@given(
    st.dictionaries(st.sampled_from(["ssl", "a_b", "protocols", "log_path"]), VALUES, max_size=3),
    st.booleans(),
)
def test_what_is_written_is_read_back(model: dict[str, str], blocks: bool) -> None:
    text = "# x\n"
    for key, value in model.items():
        text += f"  {key} = {value}\n"
        text += f"service x {{\n inner y {{\n  {key} = no\n }}\n}}\n" if blocks else ""
    assert dovecot_server.settings(text, lambda _: []) == model


@pytest.mark.hostile
@thorough
@given(st.text(max_size=150))
def test_no_text_makes_the_parser_raise_anything_but_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        dovecot_server.describe(
            dovecot_server.settings(f"auth_failure_delay = {text}\n{text}", lambda _: [text])
        )


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("text", ["a {\n" * 2_500_000, "#" * 10_000_000, "a = " + '"' * 9_900_000])
def test_ten_megabytes_cost_less_than_a_second(text: str) -> None:
    started = time.process_time()
    for part in (text, text[:1_000_000]):
        with contextlib.suppress(ValueError):
            dovecot_server.settings(part, lambda _: [])
    assert time.process_time() - started < 1 * slowness()
