"""What takes effect in Apache's sites; the answers to ANSWERS were given by Apache 2.4.71 itself."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.web import apache_access, apache_config, apache_servers
from vonggac_agent.facts.web.apache_config import Directive
from vonggac_agent.formats import apache
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.web import ApacheServers, ApacheSite

DEBIAN: dict[str, str | bytes | Link] = {
    "usr/sbin/apache2": "",
    "etc/passwd": "root:x:0:0::/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nwww-data:x:33:\n",
    "etc/apache2/envvars": 'if [ "x" ]; then\n\tSUFFIX="-x"\nfi\nexport APACHE_RUN_USER=www-data\n'
    "export APACHE_LOG_DIR=/var/log/apache2$SUFFIX\n",
    "etc/apache2/apache2.conf": """\
Timeout 300
User ${APACHE_RUN_USER}
IncludeOptional mods-enabled/*.load
IncludeOptional mods-enabled/*.conf
Include ports.conf
<Directory />
	Options FollowSymLinks
	AllowOverride None
	Require all denied
</Directory>
<Directory /var/www/>
	Options Indexes FollowSymLinks
	AllowOverride None
	Require all granted
</Directory>
<FilesMatch "^\\.ht">
	Require all denied
</FilesMatch>
LogFormat "%v:%p %h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" vhost_combined
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
IncludeOptional conf-enabled/*.conf
IncludeOptional sites-enabled/*.conf
""",
    "etc/apache2/ports.conf": "Listen 80\n<IfModule ssl_module>\n\tListen 443\n</IfModule>\n"
    "<IfModule mod_gnutls.c>\n\tListen 8443\n</IfModule>\n",
    "etc/apache2/conf-enabled/security.conf": "ServerTokens OS\nServerSignature On\nTraceEnable Off\n",
    "etc/apache2/mods-enabled/autoindex.load": "LoadModule autoindex_module /usr/lib/apache2/modules/m.so\n",
    "etc/apache2/mods-enabled/reqtimeout.load": "LoadModule reqtimeout_module /usr/lib/apache2/modules/m.so\n",
    "etc/apache2/sites-enabled/000-default.conf": "<VirtualHost *:80>\n\tDocumentRoot /var/www/html\n"
    "\tErrorLog ${APACHE_LOG_DIR}/error.log\n\tCustomLog ${APACHE_LOG_DIR}/access.log combined\n</VirtualHost>\n",
}
"""What Debian 12 ships, without what is not asked here."""
ANSWERS = """
Listen 127.0.0.1:18091
<Directory /srv/a>
    Options +Indexes
    Require all granted
</Directory>
<Directory /srv/b>
    Options Indexes
    Require all granted
</Directory>
<Directory /srv/b/sub>
    Options -Indexes
</Directory>
Header set X-Content-Type-Options nosniff
<VirtualHost *:18091>
    DocumentRoot /srv/a
    RedirectMatch 404 "/\\.(git|env)"
    <Location /st>
        SetHandler server-info
    </Location>
</VirtualHost>
<VirtualHost *:18092>
    DocumentRoot /srv/b
    TraceEnable on
    Header always set X-Frame-Options DENY
    <DirectoryMatch "/\\.git">
        Require all denied
    </DirectoryMatch>
    <FilesMatch "^\\.env">
        Require all denied
    </FilesMatch>
    <Location /st>
        SetHandler server-status
        Require ip 10.0.0.1
    </Location>
</VirtualHost>
<VirtualHost *:18093>
    DocumentRoot /srv/b
    TraceEnable off
    Header unset X-Content-Type-Options
    <LocationMatch "^/\\.(?!well-known)">
        Require all denied
    </LocationMatch>
</VirtualHost>
<VirtualHost *:18094>
    DocumentRoot /srv/a
    RewriteEngine On
    RewriteCond %{HTTPS} !=on
    RewriteRule ^/?(.*) https://%{SERVER_NAME}/$1 [R=301,L]
</VirtualHost>
<VirtualHost *:18095>
    DocumentRoot /srv/a
    Redirect permanent / https://a.example.vn/
</VirtualHost>
"""


def look(folder: Path, **more: str | bytes | Link) -> ApacheServers:
    value, _ = apache_servers.gather(mounted(folder, DEBIAN | more), ())
    return value


def with_site(folder: Path, text: str, security: str = "") -> ApacheServers:
    files: dict[str, str | bytes | Link] = {"etc/apache2/sites-enabled/000-default.conf": text}
    files["etc/apache2/conf-enabled/security.conf"] = security
    return look(folder, **files)


def site(folder: Path, inside: str, outside: str = "") -> ApacheSite:
    [found] = with_site(folder, f"{outside}\n<VirtualHost *:80>\n{inside}\n</VirtualHost>\n").sites
    return found


def test_every_answer_of_a_real_apache_was_foreseen(tmp_path: Path) -> None:
    found = with_site(tmp_path, ANSWERS)
    answers = [s for s in found.sites if s.source != "main server"]
    assert [s.dotfiles for s in answers] == [False, False, False, False, False]
    nosniff = ["x-content-type-options"]
    assert [s.headers for s in answers] == [nosniff, [*nosniff, "x-frame-options"], [], nosniff, nosniff]
    assert [s.trace for s in answers] == [True, True, False, True, True]
    assert [s.upgrades for s in answers] == [False, False, False, True, True]
    assert (found.listed, found.status_open) == (["/srv/a", "/srv/b"], ["/st"])


def test_debian_as_it_is_installed(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert (found.user, found.tokens, found.signature, found.timeout) == ("www-data", "os", True, 300)
    assert (found.root_closed, found.slow_requests_ended, found.body_limit) == (True, True, None)
    assert found.listed == ["/var/www/html"]
    [one] = found.sites
    assert (one.addresses, one.local, one.tls, one.upgrades) == (["*:80"], False, False, False)
    assert one.log_fields == ["h", "l", "u", "t", "r", "s", "O", "{referer}i", "{user-agent}i"]
    assert (one.logged, one.errors_logged, one.trace, one.dotfiles) == (True, True, False, True)
    assert one.protocols == ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]


def test_red_hat_keeps_it_in_etc_httpd(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/httpd": "",
        "etc/httpd/conf/httpd.conf": 'ServerRoot "/etc/httpd"\nListen 80\nInclude conf.modules.d/*.conf\n'
        'User apache\nDocumentRoot "/var/www/html"\n<IfModule log_config_module>\nLogFormat "%h %u" common\n'
        'CustomLog "logs/access_log" common\n</IfModule>\nIncludeOptional conf.d/*.conf\n',
        "etc/httpd/conf.modules.d/00-ssl.conf": "LoadModule ssl_module modules/mod_ssl.so\n",
        "etc/httpd/conf.d/ssl.conf": "Listen 443 https\n<VirtualHost _default_:443>\nSSLEngine on\n"
        "SSLCipherSuite PROFILE=SYSTEM\nSSLProtocol all -SSLv3 -TLSv1 -TLSv1.1\n</VirtualHost>\n",
    }
    found, path = apache_servers.gather(mounted(tmp_path, files), ())
    assert (path, found.user, "ssl" in found.modules) == ("/etc/httpd/conf/httpd.conf", "apache", True)
    tls, main = found.sites
    assert (tls.tls, tls.protocols, tls.weak_ciphers) == (True, ["TLSv1.2", "TLSv1.3"], [])
    assert (main.source, main.tls, main.log_fields, main.root) == (
        "main server",
        False,
        ["h", "u"],
        "/var/www/html",
    )


@pytest.mark.parametrize(
    ("system", "version", "policy", "protocols"),
    [
        ("ID=rhel\nVERSION_ID=9.4\n", "1:3.0.7-27.el9", "CipherString = @SECLEVEL=2:kEECDH\n", 2),
        ("ID=rhel\nVERSION_ID=8.10\n", "1:1.1.1k-12.el8", "CipherString = @SECLEVEL=2:kEECDH\n", 2),
        (
            "ID=rhel\nVERSION_ID=8.10\n",
            "1:1.1.1k-12.el8",
            "CipherString = @SECLEVEL=1\nMinProtocol = TLSv1\n",
            4,
        ),
        ("ID=sles\nVERSION_ID=15\n", "1:1.1.1k-12.el8", "CipherString = @SECLEVEL=2:kEECDH\n", 4),
    ],
)
def test_red_hats_apache_follows_the_policy_of_the_system(
    system: str, version: str, policy: str, protocols: int, tmp_path: Path
) -> None:
    # conf.d/ssl.conf as mod_ssl installs it, where SSLProtocol is a comment
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/httpd": "",
        "etc/os-release": system,
        "etc/httpd/conf/httpd.conf": 'ServerRoot "/etc/httpd"\nIncludeOptional conf.d/*.conf\n',
        "etc/httpd/conf.d/ssl.conf": "Listen 443 https\n<VirtualHost _default_:443>\nSSLEngine on\n"
        "#SSLProtocol all -SSLv3\nSSLHonorCipherOrder on\nSSLCipherSuite PROFILE=SYSTEM\n"
        "SSLProxyCipherSuite PROFILE=SYSTEM\n</VirtualHost>\n",
        "etc/pki/tls/openssl.cnf": "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
        ".include = /etc/crypto-policies/back-ends/opensslcnf.config\n",
        "etc/crypto-policies/back-ends/opensslcnf.config": (
            policy if "MinProtocol" in policy else policy + "MinProtocol = TLSv1.2\n"
        ),
        "var/lib/dpkg/status": f"Package: openssl-libs\nStatus: install ok installed\nVersion: {version}\n",
    }
    found, _ = apache_servers.gather(mounted(tmp_path, files), ())
    assert found.sites[0].protocols == list(apache_servers.VERSIONS[-protocols:])
    assert found.sites[0].weak_ciphers == []


def test_suse_names_its_modules_in_sysconfig(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/httpd-prefork": "",
        "etc/apache2/httpd.conf": "User wwwrun\nServerSignature off\n",
        "etc/sysconfig/apache2": 'APACHE_MODULES="status ssl php8"\n',
    }
    found, _ = apache_servers.gather(mounted(tmp_path, files), ())
    assert {"status", "ssl", "php8"} <= set(found.modules)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("all -SSLv3", ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
        ("-all +TLSv1.2 +TLSv1.3", ["TLSv1.2", "TLSv1.3"]),
        ("TLSv1.2", ["TLSv1.2"]),
        ("+SSLv3 TLSv1.3", ["SSLv3", "TLSv1.3"]),
        ("all -TLSv1 -TLSv1.1", ["TLSv1.2", "TLSv1.3"]),
    ],
)
def test_protocols_are_added_and_taken_away_in_order(words: str, expected: list[str]) -> None:
    assert apache_servers.protocols(words.split()) == expected


def test_a_virtual_host_takes_from_the_main_server_what_it_does_not_say(tmp_path: Path) -> None:
    main = (
        'SSLProtocol TLSv1.3\nSSLCipherSuite TLSv1.3 A\nSSLCipherSuite "HIGH:RC4:!aNULL"\nTraceEnable off\n'
    )
    found = site(
        tmp_path / "a", "SSLEngine on", main + "Header always set Strict-Transport-Security max-age=5"
    )
    assert (found.tls, found.protocols, found.weak_ciphers) == (True, ["TLSv1.3"], ["RC4"])
    assert (found.trace, found.hsts) == (False, 5)
    own = site(tmp_path / "b", "SSLEngine on\nSSLProtocol TLSv1.2\nTraceEnable extended", main)
    assert (own.protocols, own.trace) == (["TLSv1.2"], True)


def test_an_access_log_of_its_own_replaces_those_of_the_main_server(tmp_path: Path) -> None:
    main = 'LogFormat "%a %{UNIQUE_ID}e" short\nCustomLog /var/log/main short\nLogLevel info ssl:warn'
    assert site(tmp_path / "a", "", main).log_fields == ["a", "{unique_id}e"]
    assert site(tmp_path / "b", 'CustomLog /var/log/x "%h %>s"', main).log_fields == ["h", "s"]
    assert site(tmp_path / "c", "TransferLog /var/log/x", main).log_fields == [
        "h",
        "l",
        "u",
        "t",
        "r",
        "s",
        "b",
    ]
    thrown = site(tmp_path / "d", "CustomLog /dev/null short\nErrorLog /dev/null", main)
    assert (thrown.logged, thrown.log_fields, thrown.errors_logged) == (False, [], False)
    assert not site(tmp_path / "e", "LogLevel crit", main).errors_logged
    assert not site(tmp_path / "f", "").logged


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("Redirect / https://a/", True),
        ("Redirect 301 / https://a/", True),
        ("RedirectPermanent / https://a/", True),
        ("Redirect gone /", True),
        ("Redirect /old https://a/", False),
        ("Redirect / http://a/", False),
        ("RedirectMatch permanent ^/(.*)$ https://a/$1", True),
        ("RedirectMatch ^/x(.*)$ https://a/$1", False),
        ("RewriteRule ^ https://a/", False),
        ("RewriteEngine on\nRewriteRule ^ https://a/", True),
        ("RewriteEngine on\nRewriteRule ^/x https://a/", False),
        ("<Location />\nRequire all denied\n</Location>", True),
        ("<Location /x>\nRequire all denied\n</Location>", False),
        ("", False),
    ],
)
def test_a_site_upgrades_if_everything_is_redirected_or_refused(
    inside: str, expected: bool, tmp_path: Path
) -> None:
    assert site(tmp_path, inside).upgrades is expected


def test_the_main_server_answers_on_ports_without_a_virtual_host(tmp_path: Path) -> None:
    found = with_site(tmp_path, "Listen 127.0.0.1:8080\n<VirtualHost *:80>\n</VirtualHost>\n")
    assert [s.source for s in found.sites] == ["/etc/apache2/sites-enabled/000-default.conf:2", "main server"]
    everywhere = with_site(tmp_path / "b", "Listen 8080\n<VirtualHost *>\n</VirtualHost>\n")
    assert len(everywhere.sites) == 1


def test_conditions_includes_and_variables_are_resolved_in_order(tmp_path: Path) -> None:
    text = """
<IfDefine SECRET>
ServerTokens Full
</IfDefine>
Define SECRET one
<IfDefine SECRET>
ServerAdmin ${SECRET}-${UNKNOWN}
</IfDefine>
<IfModule !mod_ssl.c>
Timeout 7
</IfModule>
<IfFile /etc/apache2/ports.conf>
KeepAliveTimeout 3
</IfFile>
<IfFile /gone>
KeepAliveTimeout 99
</IfFile>
Include more
"""
    files: dict[str, str | bytes | Link] = {
        "etc/apache2/sites-enabled/000-default.conf": text,
        "etc/apache2/more/deep/a.conf": "ServerTokens Prod\n",
    }
    found = look(tmp_path, **files)
    assert (found.tokens, found.timeout, found.idle_timeout) == ("prod", 7, 3)
    layout = apache_config.LAYOUTS[0]
    loaded = apache_config.load(mounted(tmp_path / "b", DEBIAN | files), layout)
    assert ("one-${UNKNOWN}",) in [d.arguments for d in loaded.directives if d.name == "serveradmin"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("Indexes", True),
        ("All", True),
        ("+Indexes -FollowSymLinks", True),
        ("-Indexes", False),
        ("None", False),
        ("FollowSymLinks", False),
    ],
)
def test_options_are_merged_from_the_shortest_folder_to_the_longest(
    options: str, expected: bool, tmp_path: Path
) -> None:
    text = (
        f"<VirtualHost *:80>\nDocumentRoot /var/www/a\n<Directory /var/www/a>\nOptions {options}\n</Directory>\n"
        "</VirtualHost>\n"
    )
    assert ("/var/www/a" in with_site(tmp_path, text).listed) is expected


def test_folders_of_users_and_of_aliases_are_listed_too(tmp_path: Path) -> None:
    text = (
        "Alias /d /opt/d/\n<Directory /opt/d>\nOptions Indexes\n</Directory>\n"
        "<Directory /home/*/public_html>\nOptions Indexes\n</Directory>\n"
        "<Directory /opt/e>\nOptions Indexes\n</Directory>"
    )
    assert with_site(tmp_path, text).listed == ["/opt/d", "/home/*/public_html"]


@pytest.mark.parametrize(
    ("inside", "closed"),
    [
        ("Require all denied", True),
        ("Require all denied\nAllowOverride All", False),
        ("Require all granted", False),
        ("Order deny,allow\nDeny from all", True),
        ("", True),
    ],
)
def test_the_root_of_the_disk_is_closed_or_not(inside: str, closed: bool, tmp_path: Path) -> None:
    found = with_site(tmp_path, f"<Directory />\n{inside}\n</Directory>\n")
    assert found.root_closed is closed


@pytest.mark.parametrize(
    ("inside", "is_open"),
    [
        ("SetHandler server-status", True),
        ("SetHandler server-status\nRequire local", False),
        ("SetHandler server-status\nRequire all granted", True),
        ("SetHandler server-status\nOrder deny,allow\nDeny from all\nAllow from 127.0.0.1", False),
        ("SetHandler balancer-manager\n<RequireAny>\nRequire ip 10.0.0.1\n</RequireAny>", False),
        ("SetHandler other", False),
    ],
)
def test_a_status_page_is_open_unless_some_may_not_ask(inside: str, is_open: bool, tmp_path: Path) -> None:
    found = with_site(tmp_path, f"<Location /s>\n{inside}\n</Location>\n")
    assert found.status_open == (["/s"] if is_open else [])


@pytest.mark.parametrize(
    ("line", "ended"),
    [
        ("", True),
        ("RequestReadTimeout header=20-40,MinRate=500 body=20,MinRate=500", True),
        ("RequestReadTimeout header=0", False),
        ("RequestReadTimeout header=10 body=0", False),
    ],
)
def test_slow_requests_are_ended_unless_a_bound_is_nought(line: str, ended: bool, tmp_path: Path) -> None:
    assert with_site(tmp_path, line).slow_requests_ended is ended


def test_an_expression_that_is_not_understood_leaves_open_what_hangs_on_it(tmp_path: Path) -> None:
    refuse = '<LocationMatch "(?<=/)\\.">\nRequire all denied\n</LocationMatch>'
    assert site(tmp_path, f"DocumentRoot /var/www/html\n{refuse}").dotfiles is None


def test_times_carry_units_and_nonsense_is_refused(tmp_path: Path) -> None:
    found = with_site(tmp_path, "KeepAliveTimeout 1500ms\nTimeout 2min\nLimitRequestBody 10")
    assert (found.idle_timeout, found.timeout, found.body_limit) == (2, 120, 10)
    with pytest.raises(ValueError, match="no number or time"):
        with_site(tmp_path / "b", "Timeout soon")


def test_without_apache_there_is_nothing(tmp_path: Path) -> None:
    assert apache_servers.gather(mounted(tmp_path, {}), ())[0] == ApacheServers(installed=False)


def test_includes_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="too-large: Apache includes"):
        with_site(tmp_path, "Include apache2.conf")


@pytest.mark.parser
@pytest.mark.hostile
def test_variables_that_grow_are_cut(tmp_path: Path) -> None:
    lines = ["Define A0 " + "x" * 100]
    lines += [f"Define A{n + 1} " + f"${{A{n}}}" * 50 for n in range(30)]
    began = time.process_time()
    with_site(tmp_path, "\n".join(lines))
    assert time.process_time() - began < 1 * slowness()


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "text",
    [
        "<a>" * 100_000,
        '"' * 3_000_000,
        "a " * 2_000_000,
        'A "' + '\\"' * 1_000_000,
        "\\\n" * 150_000,
        "<a>\n" * 20,
    ],
)
def test_ten_million_bytes_are_read_or_refused_in_time(text: str) -> None:
    began = time.process_time()
    with suppress(ValueError):
        apache.parse(text)
    assert time.process_time() - began < 2 * slowness()


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "text",
    [
        "<VirtualHost *>\n</VirtualHost>\n" * 4_000,
        "<Directory /a>\n</Directory>\n" * 10_000
        + "<VirtualHost *>\nDocumentRoot /a\n</VirtualHost>\n" * 6_000,
        "Alias /a /b\n" * 20_000 + "<Directory /b>\nOptions Indexes\n</Directory>\n" * 3_000,
        '<LocationMatch "(a*)*b">\nRequire all denied\n</LocationMatch>\n' * 5_000 + "DocumentRoot /a\n",
    ],
)
def test_many_of_one_thing_cost_little(text: str, tmp_path: Path) -> None:
    began = time.process_time()
    with suppress(CouldNotLook, ValueError):
        with_site(tmp_path, text)
    assert time.process_time() - began < 3 * slowness()


NAME = st.sampled_from(["servername", "directory", "header", "options", "rewriterule", "if"])
ARGUMENT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\n"), max_size=12)
TREE = st.recursive(
    st.tuples(NAME, st.lists(ARGUMENT, max_size=3), st.none()),
    lambda inner: st.tuples(NAME, st.lists(ARGUMENT, max_size=3), st.lists(inner, max_size=3)),
    max_leaves=4,
)
Tree = tuple[str, list[str], list["Tree"] | None]


def written(tree: Tree, indent: str) -> str:
    name, arguments, block = tree
    head = " ".join([name.title(), *('"' + a.replace('"', '\\"') + '"' for a in arguments)])
    if block is None:
        return f"{indent}{head}\n"
    return f"{indent}<{head}>\n# <x>\n{''.join(written(t, indent + ' ') for t in block)}{indent}</{name.upper()}>\n"


def bare(found: apache.Directive) -> Tree:
    return found.name, list(found.arguments), None if found.block is None else [bare(d) for d in found.block]


def fits(tree: Tree) -> bool:
    """No argument ends in a backslash, which would take the quote after it."""
    return not any(a.endswith("\\") for a in tree[1]) and all(map(fits, tree[2] or []))


@given(st.lists(TREE.filter(fits), max_size=2))
@thorough
def test_what_is_written_for_apache_reads_the_same(trees: list[Tree]) -> None:
    assert [bare(d) for d in apache.parse("".join(written(t, "") for t in trees))] == trees


@pytest.mark.hostile
@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(
            ["<VirtualHost *:80>", "</VirtualHost>", "<Directory />", "</Directory>", "Require all denied", "Options",
             "Header set a", 'CustomLog x "%{a}i', "Redirect / https://", "RewriteRule ^", "SSLProtocol -all",
             "Listen 1", "RedirectMatch 404 (", "Options +Indexes", "\\", '"', "'"]
        ),
        max_size=15,
    ).map("\n".join)
)  # fmt: skip
@thorough
def test_any_text_is_read_or_refused_with_value_error(text: str) -> None:
    with suppress(ValueError):
        main = [as_loaded(d) for d in apache.parse(text)]
        hosts = [d for d in main if d.name == "virtualhost"]
        for own in [[], *(d.block or [] for d in hosts)]:
            apache_servers.logs(main, own)
            apache_servers.upgrades(main, own)
            apache_servers.headers(main + own, "/srv")
            apache_access.dotfiles(main, own, "/srv")
        apache_access.listed(main, hosts, ["/srv"])
        apache_access.status_open(main, hosts)


def as_loaded(found: apache.Directive) -> Directive:
    block = None if found.block is None else [as_loaded(d) for d in found.block]
    return Directive(found.name, found.arguments, block, "t:1")
