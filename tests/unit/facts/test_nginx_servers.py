"""What takes effect in nginx's server blocks; the answers of ANSWERS were given by nginx 1.22.1 itself."""

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

from vonggac_agent.facts.web import nginx_config, nginx_servers
from vonggac_agent.formats import cipher_string
from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.web import NginxServer, NginxServers

PASSWD = "root:x:0:0::/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n"
ANSWERS = """
user www-data;
http {
    add_header X-Content-Type-Options nosniff;
    add_header Strict-Transport-Security "max-age=63072000; includeSubDomains" always;
    server_tokens off;
    server {
        listen 127.0.0.1:18081;
        root /srv/a;
        location / { try_files $uri $uri/ =404; }
        location ~ /\\.(?!well-known).* { deny all; }
        location /img/ { add_header Cache-Control "public"; autoindex on; }
    }
    server {
        listen 127.0.0.1:18082;
        root /srv/a;
        location ^~ /.git { root /srv/a; }
        location ~* "^/\\.(GIT|env|ht)" { return 404; }
    }
    server {
        listen 127.0.0.1:18083;
        root /srv/b;
        location / { try_files /index.html =404; }
    }
    server {
        listen 127.0.0.1:18084;
        root /srv/b;
        location / {
            add_header X-Frame-Options DENY;
            location ~ /\\. { deny all; }
            location /x/ { }
        }
    }
    server {
        listen 127.0.0.1:18085;
        root /srv/b;
        location ~ /\\.ht { deny all; }
    }
    server { listen 127.0.0.1:18086; location / { return 301 https://$host$request_uri; } }
    server {
        listen 127.0.0.1:18087;
        location = /st { stub_status; }
        location /st2 { stub_status; allow 127.0.0.2; deny all; }
        location ~/st3 { stub_status; }
    }
}
"""


def look(folder: Path, config: str, **more: str | bytes | Link) -> NginxServers:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/nginx": "",
        "etc/nginx/nginx.conf": config,
        "etc/passwd": PASSWD,
        "etc/group": "root:x:0:\nwww-data:x:33:\n",
    }
    value, _ = nginx_servers.gather(mounted(folder, files | more), ())
    return value


def server(folder: Path, inside: str, outside: str = "") -> NginxServer:
    [found] = look(folder, f"http {{ {outside} server {{ {inside} }} }}").servers
    return found


def test_every_answer_of_a_real_nginx_was_foreseen(tmp_path: Path) -> None:
    found = look(tmp_path, ANSWERS)
    assert (found.installed, found.user) == (True, "www-data")
    assert [s.dotfiles for s in found.servers] == [False, True, False, False, True, False, False]
    both = ["strict-transport-security", "x-content-type-options"]
    assert [s.headers for s in found.servers] == [[], both, both, [], both, both, both]
    assert [s.hsts for s in found.servers] == [None, 63072000, 63072000, None, *[63072000] * 3]
    assert [s.upgrades for s in found.servers] == [False, False, False, False, False, True, False]
    assert found.servers[0].listed == ["/img/"]
    assert found.servers[6].status_open == ["= /st", "~/st3"]
    assert {s.tokens for s in found.servers} == {"off"}
    assert all(s.local and s.plain and not s.tls for s in found.servers)


def test_what_nothing_says_is_nginx_s_own_default(tmp_path: Path) -> None:
    found = server(tmp_path, "")
    assert (found.listens, found.local, found.plain, found.tls) == (["*:80"], False, True, False)
    assert found.protocols == ["TLSv1", "TLSv1.1", "TLSv1.2"]
    assert (found.tokens, found.body_limit, found.listed) == ("on", 1024 * 1024, [])
    assert (found.header_timeout, found.body_timeout, found.idle_timeout, found.send_timeout) == (
        60,
        60,
        75,
        60,
    )
    assert (found.logged, found.errors_logged) == (True, True)
    assert found.log_fields == list(nginx_servers.COMBINED)
    assert (found.connection_limit, found.request_limited, found.hsts) == (None, False, None)


@pytest.mark.parametrize(
    ("version", "config", "inside", "expected"),
    [
        ("1:3.0.7-27.el9", "CipherString = @SECLEVEL=2\n", "ssl_ciphers PROFILE=SYSTEM;", ["TLSv1.2"]),
        ("1:3.0.7-27.el9", "CipherString = @SECLEVEL=2\n", "ssl_ciphers DEFAULT@SECLEVEL=0;", None),
        ("1:3.0.7-27.el9", "CipherString = @SECLEVEL=1\n", "ssl_ciphers PROFILE=SYSTEM;", None),
        # nginx lifts the MinProtocol of the policy, and 1.1.1 speaks TLS 1.0 at level 2
        (
            "1:1.1.1k-12.el8",
            "CipherString = @SECLEVEL=2\nMinProtocol = TLSv1.2\n",
            "ssl_ciphers PROFILE=SYSTEM;",
            None,
        ),
        (
            "1:3.0.7-27.el9",
            "CipherString = @SECLEVEL=2\n",
            "ssl_protocols TLSv1 TLSv1.2;",
            ["TLSv1", "TLSv1.2"],
        ),
    ],
)
def test_versions_that_no_directive_names_are_bounded_by_openssls_security_level(
    version: str, config: str, inside: str, expected: list[str] | None, tmp_path: Path
) -> None:
    more: dict[str, str | bytes | Link] = {
        "etc/os-release": "ID=rhel\n",
        "etc/pki/tls/openssl.cnf": "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
        + config,
        "var/lib/dpkg/status": f"Package: openssl-libs\nStatus: install ok installed\nVersion: {version}\n",
    }
    [found] = look(tmp_path, f"http {{ server {{ listen 443 ssl; {inside} }} }}", **more).servers
    assert found.protocols == (expected or nginx_servers.DEFAULT_PROTOCOLS)


@pytest.mark.parametrize(
    ("listens", "expected"),
    [
        ("listen 443 ssl;", (True, False, False)),
        ("listen 443 ssl; listen 80;", (True, True, False)),
        ("listen [::1]:80; listen unix:/run/x.sock; listen localhost:8080;", (False, True, True)),
        ("listen 127.0.0.1:80; listen 10.0.0.4:80;", (False, True, False)),
        ("listen 443; ssl on;", (True, False, False)),
        ("listen 443 quic reuseport; listen 443 ssl;", (True, False, False)),
    ],
)
def test_addresses_and_tls_come_from_listen(
    listens: str, expected: tuple[bool, bool, bool], tmp_path: Path
) -> None:
    found = server(tmp_path, listens)
    assert (found.tls, found.plain, found.local) == expected


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("return 301 https://$host$request_uri;", True),
        ("return https://a.example.vn/;", True),
        ("return 444;", True),
        ("return 301 http://other/;", False),
        ("return 200 https;", False),
        ("if ($host = a.example.vn) { return 301 https://$host$request_uri; } return 404;", True),
        ('if ($scheme != "https") { return 301 https://$host$request_uri; } root /srv;', True),
        ("if ($https = '') { rewrite ^ https://$host$request_uri permanent; }", True),
        ("if ($host = a) { return 301 https://a/; } root /srv;", False),
        ("rewrite ^(.*)$ https://$host$1 permanent;", True),
        ("rewrite ^/old https://$host/new permanent;", False),
        ("location /.well-known/acme-challenge/ { root /srv; } location / { return 301 https://a; }", True),
        ("location / { return 301 https://a; } location /open/ { root /srv; }", False),
        ("location /x { return 301 https://a; }", False),
        ("root /srv;", False),
    ],
)
def test_a_server_upgrades_if_nothing_but_redirections_and_errors_comes_from_it(
    inside: str, expected: bool, tmp_path: Path
) -> None:
    assert server(tmp_path, inside).upgrades is expected


def test_includes_are_followed_from_the_folder_of_the_configuration(tmp_path: Path) -> None:
    more: dict[str, str | bytes | Link] = {
        "etc/nginx/conf.d/tls.conf": "ssl_protocols TLSv1.3;\n",
        "etc/nginx/conf.d/off.conf.bak": "ssl_protocols SSLv3;\n",
        "etc/nginx/sites-available/a": "server { listen 443 ssl;\n include snippets/tls.conf; }",
        "etc/nginx/sites-enabled/a": Link("../sites-available/a"),
        "etc/nginx/snippets/tls.conf": "ssl_ciphers RC4-SHA:HIGH:!aNULL;\n",
    }
    config = (
        "http { include conf.d/*.conf; include /etc/nginx/sites-enabled/*; include snippets/missing.conf; }"
    )
    found = look(tmp_path, config, **more)
    [one] = found.servers
    assert one.source == "/etc/nginx/sites-enabled/a:1"
    assert (one.protocols, one.weak_ciphers) == (["TLSv1.3"], ["RC4-SHA"])


@pytest.mark.parametrize(
    ("inside", "logged", "fields"),
    [
        ("access_log off;", False, []),
        ("location / { access_log off; }", False, list(nginx_servers.COMBINED)),
        ("location /static/ { access_log off; }", True, list(nginx_servers.COMBINED)),
        ("access_log /var/log/a short buffer=4k;", True, ["remote_addr", "request_id"]),
        ("access_log /var/log/a json if=$x;", True, ["time_iso8601", "status"]),
        ("access_log /var/log/a short; access_log syslog:server=10.0.0.1 json;", True,
         ["remote_addr", "request_id", "time_iso8601", "status"]),
    ],
)  # fmt: skip
def test_what_is_logged_of_a_request(inside: str, logged: bool, fields: list[str], tmp_path: Path) -> None:
    formats = (
        "log_format short '$remote_addr' ' ${request_id}';"
        'log_format json escape=json \'{"t":"$time_iso8601","s":$status}\';'
    )
    found = server(tmp_path, inside, formats)
    assert (found.logged, found.log_fields) == (logged, fields)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("", True),
        ("error_log /var/log/e;", True),
        ("error_log /var/log/e warn;", True),
        ("error_log /dev/null;", False),
        ("error_log /var/log/e crit;", False),
        ("error_log /var/log/e crit; error_log syslog:server=10.0.0.1 info;", True),
    ],
)
def test_errors_are_logged_unless_thrown_away(line: str, kept: bool, tmp_path: Path) -> None:
    assert server(tmp_path, line).errors_logged is kept


def test_limits_are_the_widest_of_the_block(tmp_path: Path) -> None:
    found = server(
        tmp_path,
        "location /up { client_max_body_size 1g; client_body_timeout 5m; } limit_conn a 20; limit_conn b 10;",
        "client_max_body_size 2m; keepalive_timeout '1m 5s' 20s; client_header_timeout 500ms; limit_req zone=z;",
    )
    assert (found.body_limit, found.body_timeout) == (1024**3, 300)
    assert (found.idle_timeout, found.header_timeout) == (65, 1)
    assert (found.connection_limit, found.request_limited) == (10, True)
    unbounded = server(tmp_path / "b", "location /up { client_max_body_size 0; }", "client_max_body_size 2m;")
    assert unbounded.body_limit == 0


def test_a_status_page_is_guarded_by_a_password_or_by_addresses(tmp_path: Path) -> None:
    found = server(
        tmp_path,
        "location /a { stub_status; auth_basic x; } location /b { stub_status; allow all; deny all; }"
        "location /c { stub_status; allow 10.0.0.0/8; deny all; } location /d { stub_status; allow 10.0.0.1; }",
    )
    assert found.status_open == ["/b", "/d"]


def test_an_expression_that_is_not_understood_leaves_open_what_hangs_on_it(tmp_path: Path) -> None:
    odd = "location ~ (?<=/)\\.git { deny all; }"
    assert server(tmp_path / "a", f"root /srv; {odd}").dotfiles is None
    hidden = "location ~ /\\.(git|env|ht) { deny all; }"
    assert server(tmp_path / "b", f"root /srv; {hidden} {odd}").dotfiles is False


def test_a_folder_the_workers_may_write_in_is_told(tmp_path: Path) -> None:
    for name, mode, expected in (("a", 0o755, False), ("b", 0o777, True)):
        (tmp_path / name / "srv").mkdir(parents=True)
        (tmp_path / name / "srv").chmod(mode)
        [found] = look(
            tmp_path / name, "user www-data; http { server { root /srv; } server { root /gone; } }"
        ).servers[:1]
        assert found.root_writable is expected
    assert server(tmp_path / "c", "root /gone;").root_writable is None


def test_a_key_that_everybody_may_read_is_told(tmp_path: Path) -> None:
    for mode, expected in ((0o640, False), (0o644, True)):
        folder = tmp_path / str(mode)
        config = "http { server { ssl_certificate_key /etc/k.pem; ssl_certificate /etc/c.pem; } }"
        key = folder / "etc/k.pem"
        key.parent.mkdir(parents=True)
        key.touch()
        key.chmod(mode)
        [found] = look(folder, config).servers
        assert (found.key_exposed, found.certificates) == (expected, ["/etc/c.pem"])
    assert server(tmp_path / "c", "ssl_certificate_key /etc/$name.pem;").key_exposed is None


def test_headers_of_the_module_headers_more_are_kept_where_others_are_dropped(tmp_path: Path) -> None:
    found = server(
        tmp_path,
        "location / { add_header A 1; }",
        'more_set_headers "X-Frame-Options: DENY" "B: 2"; add_header C 3;',
    )
    assert found.headers == ["b", "x-frame-options"]


def test_without_nginx_there_is_nothing(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/nginx/nginx.conf": ANSWERS})
    assert nginx_servers.gather(host, ())[0] == NginxServers(installed=False)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("8000", 8000),
        ("8k", 8192),
        ("1M", 1024**2),
        ("2g", 2 * 1024**3),
        ("9" * 15 + "g", limits.MAX_SAFE_INTEGER),
    ],
)
def test_sizes(text: str, number: int) -> None:
    assert nginx_config.size(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("30", 30), ("1m30s", 90), ("1h 30m", 5400), ("1500ms", 2), ("1M", 2_592_000)],
)
def test_times(text: str, number: int) -> None:
    assert nginx_config.seconds(text) == number


@pytest.mark.parametrize("text", ["", "k", "1kb", "-1", "1.5m", "x", "²", "9" * 16])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        nginx_config.size(text)


@pytest.mark.parametrize("text", ["", "s", "1x", "-1", "1 .", "m1", "²"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        nginx_config.seconds(text)


@pytest.mark.parametrize(
    ("text", "weak"),
    [
        ("HIGH:!aNULL:!MD5", []),
        ("ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM", []),
        ("HIGH", ["HIGH"]),
        ("PROFILE=SYSTEM", []),
        ("ALL:!ADH:!LOW:!MEDIUM:@SECLEVEL=1", []),
        ("ALL:!aNULL", ["ALL"]),
        ("ECDHE-RSA-AES128-GCM-SHA256:DES-CBC3-SHA:RC4-MD5", ["DES-CBC3-SHA", "RC4-MD5"]),
        ("HIGH:MEDIUM:!aNULL", ["MEDIUM"]),
        ("HIGH:3DES:!aNULL:!3DES", []),
        ("kRSA+RC4, eNULL", ["kRSA+RC4", "eNULL"]),
    ],
)
def test_cipher_strings_are_judged_by_the_words_they_do_not_strike_out(text: str, weak: list[str]) -> None:
    assert cipher_string.weak(text) == weak


def test_includes_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="too-large: nginx includes"):
        look(tmp_path, "http { include nginx.conf; }")


def test_code_in_lua_is_passed_over(tmp_path: Path) -> None:
    code = """access_by_lua_block {
        -- it's a comment with { and "
        local t = { a = "}", b = '{' } --[[ } ]]
        if ngx.var.uri == "/x" then return ngx.exit(403) end
    }"""
    found = server(tmp_path, f"location /a {{ {code} autoindex on; }} server_name b;")
    assert (found.listed, found.names) == (["/a"], ["b"])
    assert server(tmp_path / "b", "content_by_lua_block { x = {} }").names == []


@pytest.mark.parser
@pytest.mark.hostile
def test_a_configuration_that_multiplies_is_refused_in_time(tmp_path: Path) -> None:
    many: dict[str, str | bytes | Link] = {f"etc/nginx/m/{n}.conf": "include many/*;\n" for n in range(20)}
    many |= {f"etc/nginx/many/{n}": "a b;\n" * 2000 for n in range(20)}
    began = time.process_time()
    with pytest.raises(CouldNotLook, match="too-large"):
        look(tmp_path, "http { include m/*; }", **many)
    assert time.process_time() - began < 5 * slowness()


@pytest.mark.parser
@pytest.mark.hostile
def test_a_thousand_expressions_cost_little(tmp_path: Path) -> None:
    hostile = "".join(f'location ~ "(a{{1,40}}){{1,20}}{n}" {{ }} ' for n in range(900))
    began = time.process_time()
    assert server(tmp_path, f"root /srv; {hostile}").dotfiles in (True, None)
    assert time.process_time() - began < 2 * slowness()


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "config",
    [
        "http{" + "server{}" * 5_000 + "}",
        "http{server{" + "location /a{}" * 5_000 + "}}",
        "http{" + "add_header a b;" * 900 + "server{" + "location /a{add_header c d;}" * 3_000 + "}}",
        "http{" + "add_header a b;" * 30_000 + "server{" + "location /a{}" * 3_000 + "}}",
        "http{" + "a_by_lua_block{--[[" * 30_000,
        "http{" + "a_by_lua_block{'" * 30_000,
        "http{" + "deny 10.0.0.1;" * 30_000 + "server{root /a;location /s{stub_status;}}" * 500 + "}",
    ],
)
def test_many_of_one_thing_cost_little(config: str, tmp_path: Path) -> None:
    began = time.process_time()
    with suppress(ValueError):
        look(tmp_path, config)
    assert time.process_time() - began < 3 * slowness()


WORD = st.sampled_from(["a", "b.example.vn", "_", "*.x", "-", "x-frame-options", "9"])
MODEL = st.lists(
    st.fixed_dictionaries(
        {
            "names": st.lists(WORD, max_size=2),
            "port": st.integers(1, 65535),
            "ssl": st.booleans(),
            "protocols": st.sampled_from([["TLSv1"], ["TLSv1.2", "TLSv1.3"]]),
            "tokens": st.sampled_from(["on", "off", "build"]),
            "body": st.integers(0, 2**40),
            "idle": st.integers(0, 10_000),
            "limit": st.none() | st.integers(1, 1000),
            "headers": st.sets(WORD, max_size=2),
            "listed": st.booleans(),
        }
    ),
    max_size=2,
)


def rendered(model: list[dict[str, object]], pad: str) -> str:
    def block(m: dict[str, object]) -> str:
        lines = [
            f"listen {m['port']}{' ssl' if m['ssl'] else ''}",
            f"ssl_protocols {' '.join(m['protocols'])}",  # type: ignore[arg-type]
            f"server_tokens {m['tokens']}",
            f"client_max_body_size {m['body']}",
            f"keepalive_timeout {m['idle']}s",
            f"autoindex {'on' if m['listed'] else 'off'}",
            *(f'add_header "{h}" 1' for h in m["headers"]),  # type: ignore[attr-defined]
        ]
        lines += [f"limit_conn zone {m['limit']}"] if m["limit"] else []
        lines += [f"server_name {' '.join(m['names'])}"] if m["names"] else []  # type: ignore[arg-type]
        return "server {" + pad + "".join(f"{pad}{line};{pad}" for line in lines) + "}"

    return "http {" + pad.join(map(block, model)) + "}"


@thorough
@given(model=MODEL, pad=st.sampled_from([" ", "\n", "\t# not; this }\n"]))
def test_what_is_written_for_nginx_reads_the_same(model: list[dict[str, object]], pad: str) -> None:
    text = rendered(model, pad)
    http = nginx_config.Place(directive_of(text)).own("http")[0]
    place = nginx_config.Place(http)
    found = [nginx_config.Place(s, place) for s in place.own("server")]
    assert len(found) == len(model)
    for one, m in zip(found, model, strict=True):
        assert [a for d in one.own("server_name") for a in d.arguments] == m["names"]
        assert one.word("listen", "") == str(m["port"])
        assert list(one.effective("ssl_protocols")[0].arguments) == m["protocols"]
        assert nginx_config.size(one.word("client_max_body_size", "")) == m["body"]
        assert nginx_config.seconds(one.word("keepalive_timeout", "")) == m["idle"]
        assert set(nginx_servers.headers(one)) == m["headers"]


def directive_of(text: str) -> nginx_config.Directive:
    return nginx_config.Directive("", (), nginx_config.directives(text, "t"), "t")


@pytest.mark.hostile
@thorough
@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(
            ["http", "server", "location", "{", "}", ";", " ", "~", "/.git", "(", "return", "301", "listen",
             "ssl_protocols", "access_log", "off", "$a", '"', "'", "\\", "\n", "#", "1k", "add_header", "deny all;"]
        ),
        max_size=40,
    ).map(" ".join)
)  # fmt: skip
def test_any_text_is_read_or_refused_with_value_error(text: str) -> None:
    try:
        main = nginx_config.Place(directive_of(text))
    except ValueError:
        return
    for http in main.own("http"):
        place = nginx_config.Place(http, main)
        formats = nginx_servers.log_formats(place)
        for block in place.own("server"):
            one = nginx_config.Place(block, place)
            nginx_servers.log_fields(one, formats)
            nginx_servers.upgrades(one)
            nginx_servers.dotfiles_served(one)
