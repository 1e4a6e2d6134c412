"""Files, targets and listeners of rsyslog and syslog-ng, in each of their languages."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.logs import rsyslog_syntax, syslog_config, syslog_ng_syntax
from vonggac_agent.facts.logs.rsyslog_syntax import Config, Heard, Sent, Written
from vonggac_contract.facts.logs import LogFile, LogListener, LogTarget, SyslogConfig

DEBIAN = """\
module(load="imuxsock") # provides support for local system logging
#module(load="imudp")
#input(type="imudp" port="514")

$FileOwner root
$FileGroup adm
$FileCreateMode 0640
$Umask 0022
$WorkDirectory /var/spool/rsyslog
$IncludeConfig /etc/rsyslog.d/*.conf

*.*;auth,authpriv.none\t\t-/var/log/syslog
auth,authpriv.*\t\t\t/var/log/auth.log
*.emerg\t\t\t\t:omusrmsg:*
"""
RED_HAT = """\
global(workDirectory="/var/lib/rsyslog")
module(load="builtin:omfile" Template="RSYSLOG_TraditionalFileFormat" fileCreateMode="0600")
include(file="/etc/rsyslog.d/*.conf" mode="optional")
*.info;mail.none;authpriv.none;cron.none                /var/log/messages
action(type="omfile" file="/var/log/app.log")
if $programname == 'haproxy' then /var/log/haproxy.log
& stop
"""
CENTRAL = """\
global(DefaultNetstreamDriver="gtls"
       DefaultNetstreamDriverCAFile="/etc/ssl/certs/ca.pem")  # for all
*.* action(type="omfwd" target="nhat-ky.tinh.gov.vn" port="6514" protocol="tcp"
    StreamDriverMode="1" StreamDriverAuthMode="x509/name" # to the agency's server
    queue.type="LinkedList" queue.filename="central")
/* action(type="omfwd" target="old.example.org") */
action(type="omrelp" target="10.0.0.5" port="2514" tls="on")
"""
SYSLOG_NG = """\
@version: 3.38
@include "scl.conf"
options { chain_hostnames(off); perm(0640); };
source s_src { system(); internal(); };
source s_net { network(ip("0.0.0.0") port(514) transport("udp")); };
destination d_auth { file("/var/log/auth.log"); };
destination d_open { file("/var/log/open.log" perm(0644)); };
destination d_net { syslog("10.0.0.9" port(6514) transport("tls")
    tls(ca-dir("/etc/ssl") peer-verify(required-trusted)) disk_buffer(mem-buf-size(1000))); };
destination d_idle { tcp("192.0.2.9" port(601)); };
filter f_auth { facility(auth, authpriv) and not filter(f_debug); };
log { source(s_src); source(s_net); filter(f_auth); destination(d_auth);
  log { destination(d_open); destination(d_net); }; };
"""


def rsyslog(text: str) -> Config:
    return rsyslog_syntax.parse(text, lambda pattern: [])


def syslog_ng(text: str) -> Config:
    return syslog_ng_syntax.parse(text, lambda pattern: [])


def test_debians_file_writes_what_its_selectors_say() -> None:
    assert rsyslog(DEBIAN) == Config(
        (
            Written("*.*;auth,authpriv.none", "/var/log/syslog", 0o640),
            Written("auth,authpriv.*", "/var/log/auth.log", 0o640),
        ),
        (),
        (),
        "",
    )


def test_red_hats_file_gives_modules_their_defaults() -> None:
    found = rsyslog(RED_HAT)
    assert [(w.path, oct(w.mode)) for w in found.written] == [
        ("/var/log/messages", "0o644"),
        ("/var/log/app.log", "0o600"),
        ("/var/log/haproxy.log", "0o644"),
    ]
    assert found.written[2].selector == "if $programname == 'haproxy'"
    assert found.template == "RSYSLOG_TraditionalFileFormat"


def test_a_target_in_tls_is_told_from_one_in_clear() -> None:
    assert rsyslog(CENTRAL).sent == (
        Sent("nhat-ky.tinh.gov.vn", "6514", "tcp", tls=True, verified=True, queued=True, selector="*.*"),
        Sent("10.0.0.5", "2514", "relp", tls=True, verified=False, queued=False),
    )
    without_driver = CENTRAL.replace("gtls", "ptcp")
    assert rsyslog(without_driver).sent[0].tls is False


def test_legacy_directives_hold_for_the_actions_after_them() -> None:
    text = """\
$DefaultNetstreamDriver gtls
*.* @10.0.0.1
$ActionSendStreamDriverMode 1
$ActionSendStreamDriverAuthMode x509/name
$ActionQueueType LinkedList
$ActionQueueFileName q1
*.* @@(o)[2001:db8::1]:6514;RSYSLOG_SyslogProtocol23Format
:msg, contains, "a, b" @@10.0.0.3
& :omrelp:10.0.0.4:2514
"""
    assert rsyslog(text).sent == (
        Sent("10.0.0.1", "", "udp", tls=False, verified=False, queued=False, selector="*.*"),
        Sent("2001:db8::1", "6514", "tcp", tls=True, verified=True, queued=True, selector="*.*"),
        Sent("10.0.0.3", "", "tcp", True, True, False, ':msg, contains, "a, b"', None, None),
        Sent("10.0.0.4", "2514", "relp", False, True, False, ':msg, contains, "a, b"', None, None),
    )


def test_the_mode_of_a_file_is_the_one_in_force_where_it_stands() -> None:
    text = "$Umask 0022\na.* /a\n$FileCreateMode 0666\nb.* -/b\n$FileCreateMode 0600\nc.* ?Dynamic\n"
    assert [(w.path, w.mode) for w in rsyslog(text).written] == [
        ("/a", 0o644),
        ("/b", 0o644),
        ("?Dynamic", 0o600),
    ]


def test_listeners_of_both_languages_are_found() -> None:
    text = """\
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
input(type="imtcp" port="6514")
input(type="imptcp" port="515" address="127.0.0.1")
$UDPServerAddress 10.0.0.1
$UDPServerRun 514
$InputTCPServerRun 516
$InputRELPServerRun 2514
"""
    assert rsyslog(text).heard == (
        Heard("tcp", "6514", "", True),
        Heard("tcp", "515", "127.0.0.1", False),
        Heard("udp", "514", "10.0.0.1", False),
        Heard("tcp", "516", "", True),
        Heard("relp", "2514", "", False),
    )


def test_templates_and_comments_write_no_files() -> None:
    text = """\
template(name="t" type="list") { constant(value="a.b /var/log/x ") property(name="msg") }
# *.* /var/log/never
 *.* /var/log/real # *.* @never
ruleset(name="far") { action(type="omfile" file="/var/log/far.log") stop }
continued.* \\
  /var/log/continued
"""
    assert [w.path for w in rsyslog(text).written] == [
        "/var/log/real",
        "/var/log/far.log",
        "/var/log/continued",
    ]


def test_syslog_ng_counts_what_its_log_paths_use() -> None:
    assert syslog_ng(SYSLOG_NG) == Config(
        (Written("", "/var/log/auth.log", 0o640), Written("", "/var/log/open.log", 0o644)),
        (Sent("10.0.0.9", "6514", "tcp", True, True, True, "f_auth", None, None),),
        (Heard("udp", "514", "0.0.0.0", False),),
        "",
    )


def test_a_peer_that_need_not_be_trusted_is_not_verified() -> None:
    found = syslog_ng(SYSLOG_NG.replace("required-trusted", "optional-untrusted"))
    assert (found.sent[0].tls, found.sent[0].verified) == (True, False)


def test_a_daemons_includes_are_followed(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/rsyslogd": "",
        "etc/rsyslog.conf": DEBIAN,
        "etc/rsyslog.d/10-central.conf": CENTRAL,
        "etc/rsyslog.d/20-here.conf": "*.* @127.0.0.1\n$InputTCPServerRun 514\n",
        "etc/rsyslog.d/30-odd.conf": 'action(type="omfwd" target="u:PW@log.example")\n',
    }
    found, _ = syslog_config.gather(mounted(tmp_path, files), ())
    assert isinstance(found, SyslogConfig)
    assert found.files[0] == LogFile("/var/log/syslog", "*.*;auth,authpriv.none", "0640", False)
    assert [t.host for t in found.targets] == ["nhat-ky.tinh.gov.vn", "10.0.0.5", "log.example"]
    assert found.targets[0] == LogTarget(
        "nhat-ky.tinh.gov.vn", "6514", "tcp", True, True, True, "*.*", True, True
    )
    assert found.listeners == [LogListener("tcp", "514", "", False)]
    assert (found.daemon, found.active, found.full_time) == ("rsyslog", False, True)


@pytest.mark.parametrize(
    ("unit", "dropin", "config", "mode"),
    [
        ("[Service]\nUMask=0066\n", "", "*.info /var/log/messages\n", "0600"),
        ("[Service]\nUMask=0066\n", "[Service]\nUMask=0027\n", "*.info /var/log/messages\n", "0640"),
        ("[Service]\nUMask=0066\n", "", "$Umask 0000\n*.info /var/log/messages\n", "0644"),
        ("[Service]\nType=notify\n", "", "$FileCreateMode 0666\n*.info /var/log/messages\n", "0644"),
        ("", "", "$FileCreateMode 0666\n*.info /var/log/messages\n", "0666"),
    ],
)
def test_new_files_lose_what_the_umask_of_the_service_takes(
    unit: str, dropin: str, config: str, mode: str, tmp_path: Path
) -> None:
    files: dict[str, str | bytes | Link] = {"usr/sbin/rsyslogd": "", "etc/rsyslog.conf": config}
    if unit:
        files["usr/lib/systemd/system/rsyslog.service"] = unit
    if dropin:
        files["etc/systemd/system/rsyslog.service.d/umask.conf"] = dropin
    found, _ = syslog_config.gather(mounted(tmp_path, files), ())
    assert [(file.mode, file.open_to_all) for file in found.files] == [(mode, mode[-1] != "0")]


def test_syslog_ng_is_read_in_its_own_language(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/syslog-ng": "",
        "etc/syslog-ng/syslog-ng.conf": '@include "conf.d/*.conf"\n',
        "etc/syslog-ng/conf.d/a.conf": SYSLOG_NG,
    }
    found, _ = syslog_config.gather(mounted(tmp_path, files), ())
    assert isinstance(found, SyslogConfig)
    assert (found.daemon, [f.open_to_all for f in found.files]) == ("syslog-ng", [False, True])


def test_without_a_daemon_there_is_nothing_to_tell(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/rsyslog.conf": CENTRAL})
    assert syslog_config.gather(host, ())[0] == SyslogConfig(daemon="none", active=False)


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
    ],
)
def test_loopback_is_this_machine(name: str, here: bool) -> None:
    assert syslog_config.is_here(name) is here


@pytest.mark.parametrize(
    ("text", "auth", "authpriv"),
    [
        ("*.* @@h", True, True),
        ("*.info;mail.none;authpriv.none;cron.none @@h", True, False),
        ("*.*;auth,authpriv.none @@h", False, False),
        ("auth,authpriv.* @@h", True, True),
        ("authpriv.* @@h", False, True),
        ("kern.* @@h", False, False),
        ("auth.notice;authpriv.debug @@h", False, True),
        ("*.=info @@h", False, False),
        ("*.*;auth.!=debug @@h", True, True),
        ("*.*;auth.!debug @@h", False, True),
        ("*.WARN;AUTH.8 @@h", None, None),
        ('kern.* action(type="omfwd" target="h")', False, False),
        ('kern.* /k\n& action(type="omfwd" target="h")', False, False),
        ('action(type="omfwd" target="h")', True, True),
        ("auth.* stop\n*.* @@h", False, True),
        (':msg, contains, "x" stop\n*.* @@h', None, None),
        (':msg, contains, "{ stop" /f\n*.* @@h', True, True),
        (":programname, isequal, 'sshd' ~\n*.* @@h", None, None),
        ("if $programname == 'sshd' then stop\n*.* @@h", None, None),
        ("if $programname == 'sshd' then stop\nkern.* @@h", False, False),
        ("if $programname == 'sshd' then\n  stop\n*.* @@h", None, None),
        ("if $programname == 'sshd'\nthen stop\n*.* @@h", None, None),
        ("if $programname == 'sshd' then {\n  stop\n}\n*.* @@h", None, None),
        ("if $programname == 'sshd' then { stop }\n*.* @@h", None, None),
        ("if $programname == 'a' then /f else stop\n*.* @@h", None, None),
        ("if $programname == 'a' then {\n  /f\n} else {\n  stop\n}\n*.* @@h", None, None),
        ("stop\n*.* @@h", False, False),
        ("*.* /f\n~\n*.* @@h", False, False),
        ("stop\nif $programname == 'a' then @@h", False, False),
        ("authpriv.* /f\n& stop\n*.* @@h", True, False),
        ('authpriv.* action(type="omfile" file="/f")\n& stop\n*.* @@h', True, False),
        ('authpriv.* action(type="omdiscard")\n*.* @@h', True, False),
        ('authpriv.* {\n  action(type="omfile" file="/f")\n  stop\n}\n*.* @@h', True, False),
        ("authpriv.* { kern.* stop }\n*.* @@h", True, True),
        ("authpriv.* { *.* stop }\n*.* @@h", True, False),
        ("authpriv.* {\n  @@h\n}", False, True),
        ("*.* @@h\nstop", True, True),
        ("*.* call a\n*.* @@h", None, None),
        ('ruleset(name="a") {\n  *.* /f\n  stop\n}\n*.* @@h', True, True),
        ("$RuleSet a\n*.* stop\n$RuleSet RSYSLOG_DefaultRuleset\n*.* @@h", True, True),
        ("$RuleSet a\n*.* @@h", None, None),
        ("*.* /var/log/stop\n*.* @@h", True, True),
        ("*.* @@h\n& ~", True, True),
        ("if $programname == 'a' then @@h", None, None),
        ("if $programname == 'a' then {\n  *.* @@h\n}", None, None),
        ("if $programname == 'a' then { @@h }", None, None),
        ('ruleset(name="a") {\n  action(type="omfwd" target="h")\n}', None, None),
        ('ruleset(name="a") { *.* @@h }', None, None),
        ('ruleset(name="a") {\n  *.* /f\n}\n*.* @@h', True, True),
        ('template(name="t" type="list") {\n  constant(value="}")\n}\n*.* @@h', True, True),
    ],
)
def test_what_reaches_a_target_of_rsyslog_is_what_its_selector_lets_through(
    text: str, auth: bool | None, authpriv: bool | None
) -> None:
    (sent,) = rsyslog(text).sent
    assert (sent.auth, sent.authpriv) == (auth, authpriv)


@pytest.mark.parametrize(
    ("paths", "auth", "authpriv"),
    [
        ("log { source(s); destination(d); };", True, True),
        ("log { source(s); filter(f_a); destination(d); };", True, True),
        ("log { source(s); filter(f_k); destination(d); };", False, False),
        ("log { source(s); filter(f_k); destination(d); }; log { source(s); destination(d); };", True, True),
        ("log { source(s); filter { facility(authpriv); }; destination(d); };", False, True),
        ("log { source(s); filter(f_n); destination(d); };", None, None),
        ("log { source(s); filter(f_0); destination(d); };", None, None),
        ("log { source(s); filter(f_gone); destination(d); };", None, None),
        ("log { source(s); filter(f_a); filter(f_k); destination(d); };", None, None),
        ("log { source(s); filter(f_a); log { destination(d); }; };", True, True),
        ("log { source(s); if (x) { destination(d); }; };", None, None),
        ("log { source(s); destination(e); flags(final); }; log { source(s); destination(d); };", None, None),
    ],
)
def test_what_reaches_a_target_of_syslog_ng_is_what_its_log_paths_let_through(
    paths: str, auth: bool | None, authpriv: bool | None
) -> None:
    text = """\
source s { system(); };
destination d { tcp("h"); };
destination e { file("/e"); };
filter f_a { facility(auth, authpriv); };
filter f_k { facility(kern); };
filter f_n { not facility(mail); };
filter f_0 { facility(0..4); };
"""
    (sent,) = syslog_ng(text + paths).sent
    assert (sent.auth, sent.authpriv) == (auth, authpriv)


SENT = st.builds(
    Sent,
    st.sampled_from(("10.0.0.1", "logs.example.vn")),
    st.sampled_from(("514", "6514")),
    st.just("tcp"),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.just("*.*"),
    st.just(True),
    st.just(True),
)
WRITTEN = st.builds(
    Written,
    st.sampled_from(("*.*", "auth,authpriv.*", "mail.=err;kern.none")),
    st.sampled_from(("/var/log/a", "/var/log/b c")),
    st.sampled_from((0o600, 0o640, 0o644)),
)
HEARD = st.builds(
    Heard, st.just("tcp"), st.sampled_from(("514", "6514")), st.sampled_from(("", "10.0.0.1")), st.booleans()
)


def as_rsyslog(config: Config) -> str:
    lines = ['global(defaultNetstreamDriver="gtls")']
    lines += [
        f'{w.selector} action(type="omfile" file="{w.path}" FileCreateMode="{w.mode:04o}")'
        for w in config.written
    ]
    for s in config.sent:
        tls = f'StreamDriverMode="{int(s.tls)}" ' + ('StreamDriverAuthMode="x509/name"' if s.verified else "")
        queue = 'queue.filename="q"' if s.queued else ""
        lines.append(
            f'*.*  action(type="omfwd" target="{s.host}"\n port="{s.port}" protocol="tcp" {tls} {queue})'
        )
    for h in config.heard:
        lines.append(
            f'input( type="imtcp" port="{h.port}" address="{h.address}" streamdriver.mode="{int(h.tls)}" )'
        )
    return "\n".join(lines)


def as_syslog_ng(config: Config) -> str:
    drivers = [f'file("{w.path}" perm({w.mode:04o}));' for w in config.written]
    for s in config.sent:
        verify = "required-trusted" if s.verified else "optional-trusted"
        transport = f'transport("tls") tls(peer-verify({verify}))' if s.tls else 'transport("tcp")'
        queue = "disk-buffer(reliable(yes))" if s.queued else ""
        drivers.append(f'network("{s.host}" port({s.port}) {transport} {queue});')
    sources = [
        f'network(port({h.port}) ip({h.address or chr(34) * 2}) transport("{"tls" if h.tls else "tcp"}"));'
        for h in config.heard
    ]
    parts = [f"destination d{i} {{ {d} }};" for i, d in enumerate(drivers)] + [
        f"source s{i} {{ {s} }};" for i, s in enumerate(sources)
    ]
    names = [f"destination(d{i});" for i in range(len(drivers))] + [
        f"source(s{i});" for i in range(len(sources))
    ]
    return "\n".join([*parts, "log {", *names, "};"])


CONFIGS = st.builds(
    Config,
    st.lists(WRITTEN, max_size=2).map(tuple),
    st.lists(SENT, max_size=2).map(tuple),
    st.lists(HEARD, max_size=2).map(tuple),
    st.just(""),
)


@given(CONFIGS)
@thorough
def test_a_configuration_written_out_is_read_back(config: Config) -> None:
    assert rsyslog(as_rsyslog(config)) == config
    bare = config._replace(
        written=tuple(w._replace(selector="") for w in config.written),
        sent=tuple(s._replace(verified=s.verified and s.tls, selector="") for s in config.sent),
    )
    assert syslog_ng(as_syslog_ng(config)) == bare


PIECES = st.lists(
    st.sampled_from(
        (
            "action(",
            "type=",
            '"',
            "'",
            "omfwd",
            "target",
            ")",
            "{",
            "}",
            "\n",
            "*.* ",
            "/a",
            "@@",
            "#",
            "/*",
            "*/",
            "$",
            "include(file=",
            ":",
            "\\",
            "log",
            ";",
            "if x then ",
        )
    )
    | st.text(max_size=3),
    max_size=12,
).map("".join)


@pytest.mark.hostile
@given(PIECES)
@thorough
def test_any_text_is_read_or_refused(text: str) -> None:
    rsyslog(text)
    with contextlib.suppress(ValueError):
        syslog_ng(text)


@pytest.mark.hostile
def test_includes_without_end_are_refused() -> None:
    with pytest.raises(ValueError, match="rsyslog's configuration is over"):
        rsyslog_syntax.parse("$IncludeConfig a\n", lambda pattern: ["$IncludeConfig a\n"])
    with pytest.raises(ValueError, match="syslog-ng includes over"):
        syslog_ng_syntax.parse('@include "a"\n', lambda pattern: ['@include "a"\n'] * 2)


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "piece", ["action(", '*.* "', "#\n", 'action(type="x"', "/*", "a", "\\\n", "a{", "b("]
)
def test_ten_megabytes_cost_less_than_a_second(piece: str) -> None:
    most = piece * (rsyslog_syntax.MAX_CHARACTERS // len(piece))
    started = time.process_time()
    for read in (rsyslog, syslog_ng):
        for text in (piece * (10_000_000 // len(piece)), most, most[: 190_000 * len(piece)]):
            with contextlib.suppress(ValueError):
                read(text)
    assert time.process_time() - started < 2 * slowness(), "two daemons, three sizes"
