"""Postfix and Exim under one set of names; Postfix as postconf tells it."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.mail import exim, mail_transfer, postfix
from vonggac_contract import limits
from vonggac_contract.facts.mail import MailServer

POSTFIX = FIXTURES / "postfix"
MAIN = (POSTFIX / "main.cf").read_text(encoding="utf-8")
MASTER = (POSTFIX / "master.cf").read_text(encoding="utf-8")
TOLD = (POSTFIX / "postconf-x-3.7-debian12.txt").read_text(encoding="utf-8")
TOLD_SERVICES = (POSTFIX / "postconf-P-3.7-debian12.txt").read_text(encoding="utf-8")
DEBIAN = """\
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
compatibility_level = 3.6
smtpd_tls_security_level=may
smtp_tls_security_level=may
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
inet_interfaces = all
"""
SMTP = "smtp inet n - y - - smtpd\n"
EXIM = """\
dc_eximconfig_configtype='internet'
dc_local_interfaces='127.0.0.1 ; ::1'
dc_relay_nets=''
dc_use_split_config='false'
"""


def server(main: str, master: str = SMTP, *, rspamd_scans: bool = False) -> MailServer:
    return postfix.describe(postfix.main_cf(main), postfix.master_cf(master), rspamd_scans=rspamd_scans)


def test_every_setting_is_as_postconf_tells_it() -> None:
    found = postfix.Settings(postfix.main_cf(MAIN))
    for line in TOLD.splitlines():
        name, _, value = line.partition(" =")
        assert found[name] == value.strip(), name


def test_every_override_of_a_service_is_as_postconf_tells_it() -> None:
    told = dict(line.split(" =", 1) for line in TOLD_SERVICES.splitlines())
    found = {
        f"{s.name}/{s.type}/{key}": f" {value}" if value else ""
        for s in postfix.master_cf(MASTER)
        for key, value in s.overrides.items()
    }
    assert {key: value.strip() for key, value in found.items()} == {
        key: value.strip() for key, value in told.items()
    }


def test_a_gateway_with_care() -> None:
    assert server(MAIN, MASTER) == MailServer(
        program="postfix", reachable=True, open_relay=False, tls="offered", clear_passwords=False, old_tls=False,
        outbound_tls=True, verify=False, banner_tells=False, scanners=["clamav-milter"], connection_limit=20,
        login_limit=10, size_limit=20_971_520, signs=True, checks_senders=False,
    )  # fmt: skip


def test_logins_are_limited_where_a_service_takes_them() -> None:
    submission = f"{SMTP}submission inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n"
    assert server(DEBIAN, submission).login_limit == 0
    limited = submission + "  -o smtpd_client_auth_rate_limit=10\n"
    assert server(DEBIAN, limited).login_limit == 10
    assert server(DEBIAN + "smtpd_client_auth_rate_limit=10\n").login_limit is None


def test_postfix_as_debian_ships_it() -> None:
    found = server(DEBIAN)
    assert (found.reachable, found.open_relay, found.tls, found.clear_passwords) == (
        True,
        False,
        "offered",
        False,
    )
    assert (found.old_tls, found.outbound_tls, found.verify, found.banner_tells) == (True, True, True, True)
    assert (found.scanners, found.connection_limit, found.login_limit, found.size_limit) == (
        [],
        50,
        None,
        10_240_000,
    )


@pytest.mark.parametrize(
    ("main", "master", "open_relay"),
    [
        ("smtpd_relay_restrictions = permit_mynetworks", SMTP, True),
        ("smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = reject_unauth_destination", SMTP, False),
        ("smtpd_relay_restrictions = permit_mynetworks, permit, reject_unauth_destination", SMTP, True),
        ("mynetworks = 10.0.0.0/8 0.0.0.0/0", SMTP, True),
        ("mynetworks = $open\nopen = [::]/0", SMTP, True),
        ("", SMTP + "465 inet n - y - - smtpd -o smtpd_relay_restrictions=permit\n", True),
        ("", SMTP + "465 inet n - y - - smtpd -o { smtpd_relay_restrictions = permit_x, reject }\n", False),
        ("", "", False),
    ],
)  # fmt: skip
def test_a_relay_is_open_where_no_list_refuses_strangers(main: str, master: str, open_relay: bool) -> None:
    assert server(main, master).open_relay is open_relay


@pytest.mark.parametrize(
    ("options", "clear"),
    [
        ("smtpd_sasl_auth_enable=yes", True),
        ("smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=yes", False),
        ("smtpd_sasl_auth_enable=yes -o smtpd_tls_security_level=encrypt", False),
        ("smtpd_sasl_auth_enable=yes -o smtpd_tls_wrappermode=yes", False),
        ("smtpd_sasl_auth_enable=no", False),
    ],
)
def test_passwords_go_in_clear_where_nothing_asks_for_tls_first(options: str, clear: bool) -> None:
    assert server("", f"submission inet n - y - - smtpd -o {options}\n").clear_passwords is clear


@pytest.mark.parametrize(
    ("value", "old"),
    [
        (">=TLSv1", True),
        (">=TLSv1.2", False),
        (">=TLSv1.3, <=TLSv1.3", False),
        ("!SSLv2, !SSLv3", True),
        ("!SSLv2,!SSLv3,!TLSv1,!TLSv1.1", False),
        ("TLSv1.2 TLSv1.3", False),
        ("TLSv1.1 TLSv1.2", True),
        ("", True),
    ],
)
def test_which_protocols_are_old(value: str, old: bool) -> None:
    main = f"smtpd_tls_protocols = {value}\nsmtpd_tls_mandatory_protocols = {value}\n"
    assert server(main).old_tls is old


@pytest.mark.parametrize(
    ("main", "field", "value"),
    [
        ("inet_interfaces = loopback-only", "reachable", False),
        ("inet_interfaces = localhost, 10.0.0.1", "reachable", True),
        ("smtpd_use_tls = yes", "tls", "offered"),
        ("smtpd_enforce_tls = yes", "tls", "required"),
        ("smtpd_tls_security_level = none", "tls", "off"),
        ("smtpd_banner = $myhostname ESMTP $mail_version 3.7.11", "banner_tells", True),
        ("content_filter = smtp-amavis:[127.0.0.1]:10024", "scanners", ["amavis"]),
        (
            "clamav_milter = inet:127.0.0.1:7357\nsmtpd_milters = $clamav_milter",
            "scanners",
            ["clamav-milter"],
        ),
        ("smtpd_milters = inet:localhost:11332", "scanners", ["rspamd"]),
        ("smtpd_milters = inet:localhost:11332", "signs", True),
        (
            "smtpd_recipient_restrictions = check_policy_service unix:private/policyd-spf",
            "checks_senders",
            True,
        ),
        ("message_size_limit = none", "size_limit", 0),
        ("smtp_tls_security_level = dane", "outbound_tls", True),
        ("", "outbound_tls", False),
    ],
)
def test_each_setting_means_what_it_means_to_postfix(main: str, field: str, value: object) -> None:
    assert getattr(server(main, rspamd_scans=True), field) == value


def test_a_filter_s_way_back_on_loopback_counts_for_scanners_only() -> None:
    back = (
        "127.0.0.1:10025 inet n - n - - smtpd -o content_filter= -o smtpd_client_connection_count_limit=0\n"
        "  -o smtpd_relay_restrictions=permit -o smtpd_sasl_auth_enable=yes\n"
    )
    found = server("content_filter = smtp-amavis:[127.0.0.1]:10024\n", SMTP + back)
    assert (found.connection_limit, found.open_relay, found.clear_passwords) == (50, False, False)
    assert found.scanners == ["amavis"]


def test_behind_postscreen_the_server_is_the_one_that_it_passes_to() -> None:
    master = "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd -o smtpd_relay_restrictions=permit\n"
    found = server("", master)
    assert (found.reachable, found.open_relay) == (True, True)
    assert not server("inet_interfaces = localhost\n", master).reachable


def test_rspamd_scans_only_with_its_antivirus_module(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/postfix": "",
        "etc/postfix/main.cf": "smtpd_milters = unix:/run/rspamd/worker-proxy.socket\n",
        "etc/postfix/master.cf": "127.0.0.1:smtp inet n - y - - smtpd\n",
    }
    plain = mail_transfer.gather(mounted(tmp_path / "a", files), ())[0].servers[0]
    assert (plain.scanners, plain.reachable) == ([], False)
    files["etc/rspamd/local.d/antivirus.conf"] = "clamav { servers = x; }\n"
    assert mail_transfer.gather(mounted(tmp_path / "b", files), ())[0].servers[0].scanners == ["rspamd"]


def exim_of(folder: Path, answers: str, template: str = "", macros: str = "", **more: str) -> MailServer:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/exim4": "",
        "etc/exim4/update-exim4.conf.conf": answers,
        "etc/exim4/exim4.conf.template": template,
        "etc/exim4/exim4.conf.localmacros": macros,
    }
    files |= {name.replace("__", "/"): text for name, text in more.items()}
    return mail_transfer.gather(mounted(folder, files), ())[0].servers[0]


def test_exim_as_debian_ships_it_listens_on_loopback(tmp_path: Path) -> None:
    found = exim_of(
        tmp_path,
        EXIM.replace("internet", "local"),
        "tls_certificate = MAIN_TLS_CERTIFICATE\nbegin acl\nx = y\n",
    )
    assert (found.reachable, found.open_relay, found.tls, found.clear_passwords) == (
        False,
        False,
        "off",
        False,
    )
    assert (found.verify, found.banner_tells, found.scanners) == (False, True, [])


def test_exim_with_macros_and_a_scanner(tmp_path: Path) -> None:
    found = exim_of(
        tmp_path,
        EXIM.replace("127.0.0.1 ; ::1", "").replace("relay_nets=''", "relay_nets='10.0.0.0/8 ; 0.0.0.0/0'"),
        "av_scanner = clamd:/run/clamav/clamd.ctl\nsmtp_banner = mail.example.vn ESMTP\nacl_smtp_vrfy = acl_yes\n"
        "smtp_accept_max_per_host = 10\nmessage_size_limit = 20M\nbegin acl\n  deny malware = *\n",
        "MAIN_TLS_ENABLE = true\nAUTH_SERVER_ALLOW_NOTLS_PASSWORDS = true\n",
    )
    assert (found.reachable, found.open_relay, found.tls, found.clear_passwords) == (
        True,
        True,
        "offered",
        True,
    )
    assert (found.verify, found.banner_tells, found.scanners) == (True, False, ["clamd"])
    assert (found.connection_limit, found.size_limit) == (10, 20 * 1024 * 1024)


def test_macros_of_exim_are_put_in_and_undefined_ones_leave_the_default(tmp_path: Path) -> None:
    template = ".ifdef MESSAGE_SIZE_LIMIT\nmessage_size_limit = MESSAGE_SIZE_LIMIT\n.endif\n"
    assert exim_of(tmp_path / "a", EXIM, template).size_limit == 50 * 1024 * 1024
    assert exim_of(tmp_path / "b", EXIM, template, "MESSAGE_SIZE_LIMIT = 2M\n").size_limit == 2 * 1024 * 1024
    most = exim_of(tmp_path / "c", EXIM, template, "MESSAGE_SIZE_LIMIT = 999999999999G\n")
    assert most.size_limit == limits.MAX_SAFE_INTEGER


def test_split_files_and_files_of_one_s_own_count_for_exim(tmp_path: Path) -> None:
    split = EXIM.replace("split_config='false'", "split_config='true'")
    found = exim_of(tmp_path / "a", split, "MAIN_TLS_ENABLE = no\n", **{
        "etc__exim4__conf.d__main__00_local": "MAIN_TLS_ENABLE = yes\n",
        "etc__exim4__conf.d__acl__40_data": "deny malware = *\n",
    })  # fmt: skip
    assert found.tls == "offered"
    own = exim_of(tmp_path / "b", EXIM, **{
        "etc__exim__exim.conf": "hostlist relay_from_hosts = localhost : 10.0.0.0/8\ntls_certificate = /c.pem\n",
    })  # fmt: skip
    assert (own.reachable, own.tls, own.open_relay) == (True, "offered", False)


def test_a_machine_without_a_mail_server_has_none(tmp_path: Path) -> None:
    assert mail_transfer.gather(mounted(tmp_path, {"etc/postfix/main.cf": MAIN}), ())[0].servers == []


VALUES = st.text("ab/$ ,=#", min_size=1, max_size=5).map(lambda text: f"x{text}y")
MODELS = st.dictionaries(st.sampled_from(["mynetworks", "smtpd_banner", "own", "x_y"]), VALUES, max_size=2)


@thorough
@given(MODELS, st.booleans())
def test_what_is_written_is_read_back(model: dict[str, str], continued: bool) -> None:
    joint = "\n# between\n   " if continued else " "
    text = "".join(f"{key} ={joint}{value}\n" for key, value in model.items())
    assert postfix.main_cf(text) == model


@thorough
@given(st.dictionaries(st.sampled_from(["smtp", "submission", "465"]), MODELS, max_size=2))
def test_overrides_that_are_written_are_read_back(model: dict[str, dict[str, str]]) -> None:
    text = ""
    for name, overrides in model.items():
        text += f"{name} inet n - y - - smtpd\n"
        text += "".join(f"  -o {key}={value.replace(' ', '')}\n" for key, value in overrides.items())
    assert {s.name: s.overrides for s in postfix.master_cf(text)} == {
        name: {key: value.replace(" ", "") for key, value in overrides.items()}
        for name, overrides in model.items()
    }


@pytest.mark.hostile
@thorough
@given(st.text(max_size=120))
def test_no_text_makes_a_parser_raise_anything_but_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        server("smtpd_milters = " + text + "\n" + text, SMTP.strip() + " " + text)
        exim.describe(exim.debconf(text), exim.options([text]), acl_scans=True)


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "text",
    [
        "a = " + "$a" * 5_000_000,
        "mynetworks = " + "${mynetworks?$mynetworks}" * 400_000,
        "smtpd_banner=" + "$b" * 20_000 + "\nb=" + "$c" * 20_000 + "\nc=" + "x" * 9_900_000,
        "a b c d e f g " + "-o { " * 2_000_000,
    ],
)
def test_ten_megabytes_cost_less_than_a_second(text: str) -> None:
    started = time.process_time()
    for part in (text, text[:1_000_000]):
        with contextlib.suppress(ValueError):
            server(part)
        with contextlib.suppress(ValueError):
            postfix.master_cf(part)
        with contextlib.suppress(ValueError):
            exim.options([part])
    assert time.process_time() - started < 1 * slowness()
