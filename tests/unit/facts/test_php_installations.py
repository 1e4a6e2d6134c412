"""PHP's settings, one entry for each program and pool; the answers of ANSWERS were given by PHP 8.2.36 itself."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough

from vonggac_agent.facts.web import php_installations
from vonggac_contract.facts.web import PhpInstallation, PhpInstallations

ANSWERS = """
; comment
expose_php = 0 ; inline
display_errors = stderr
display_startup_errors="yes"
log_errors = none
allow_url_include = true
open_basedir = "/srv/a:/tmp"
disable_functions = exec, "passthru",system
upload_max_filesize = 1g
post_max_size = 2048
session.cookie_secure = On
session.cookie_httponly = 1
session.cookie_samesite = 'Strict'
session.gc_maxlifetime = 900
[HOST=example.vn]
expose_php = On
[PHP]
session.use_strict_mode = 00
"""
POOL = """
[global]
error_log = /var/log/php-fpm.log
[www]
user = www-data
listen = /run/php.sock
[app]
user = app
php_admin_flag[expose_php] = off
php_admin_value[disable_functions] = exec
php_value[session.gc_maxlifetime] = 600
"""


def look(folder: Path, **files: str | bytes | Link) -> PhpInstallations:
    return php_installations.gather(mounted(folder, files), ())[0]


def one(folder: Path, text: str) -> PhpInstallation:
    files: dict[str, str | bytes | Link] = {"etc/php/8.2/cli/php.ini": text, "usr/bin/php8.2": ""}
    [found] = look(folder, **files).installations
    return found


def test_every_answer_of_a_real_php_was_foreseen(tmp_path: Path) -> None:
    found = one(tmp_path, ANSWERS)
    assert (found.exposed, found.errors_shown, found.errors_logged) == (False, True, False)
    assert (found.includes_urls, found.opens_urls, found.uploads) == (True, True, True)
    assert found.base_folders == ["/srv/a", "/tmp"]
    assert found.disabled_functions == ["exec", "passthru", "system"]
    assert (found.upload_limit, found.body_limit, found.memory_limit) == (1024**3, 2048, 128 * 1024**2)
    assert (found.cookie_secure, found.cookie_httponly, found.cookie_samesite) == (True, True, "strict")
    assert (found.strict_sessions, found.session_seconds, found.web) == (False, 900, False)


def test_what_no_file_says_is_php_s_own_default(tmp_path: Path) -> None:
    found = one(tmp_path, "")
    assert (found.exposed, found.errors_shown, found.errors_logged) == (True, True, True)
    assert (found.includes_urls, found.opens_urls, found.base_folders) == (False, True, [])
    assert (found.cookie_secure, found.cookie_httponly, found.strict_sessions) == (False, False, False)
    assert (found.upload_limit, found.body_limit, found.session_seconds) == (2 * 1024**2, 8 * 1024**2, 1440)


def test_debian_has_a_folder_for_each_version_and_program(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/php/8.2/fpm/php.ini": "expose_php = On\n",
        "etc/php/8.2/fpm/conf.d/10-a.ini": "expose_php = Off\n",
        "etc/php/8.2/fpm/conf.d/99-b.ini": "upload_max_filesize = 20M\n",
        "etc/php/8.2/fpm/pool.d/www.conf": POOL,
        "etc/php/8.2/apache2/php.ini": "session.use_strict_mode = 1\n",
        "etc/php/7.4/fpm/php.ini": "display_errors = On\n",
        "usr/sbin/php-fpm8.2": "",
        "usr/lib/apache2/modules/libphp8.2.so": "",
    }
    found = look(tmp_path, **files).installations
    assert [(p.sapi, p.version, p.pool, p.user) for p in found] == [
        ("apache2", "8.2", "", ""), ("fpm", "8.2", "www", "www-data"), ("fpm", "8.2", "app", "app"),
    ]  # fmt: skip
    apache, www, app = found
    assert (apache.strict_sessions, apache.exposed, apache.web) == (True, True, True)
    assert (www.exposed, www.upload_limit, www.session_seconds) == (False, 20 * 1024**2, 1440)
    assert (app.disabled_functions, app.session_seconds) == (["exec"], 600)


def test_red_hat_has_one_file_for_all_programs_and_suse_one_for_each(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/php.ini": "expose_php = On\n",
        "etc/php.d/20-a.ini": "expose_php = Off\n",
        "etc/php-fpm.d/www.conf": "[www]\nuser = apache\n",
        "usr/sbin/php-fpm": "",
        "etc/php8/apache2/php.ini": "",
        "etc/php8/conf.d/a.ini": "log_errors = 0\n",
        "usr/lib64/apache2/mod_php8.so": "",
    }
    found = look(tmp_path, **files).installations
    assert [(p.sapi, p.version, p.user, p.exposed, p.errors_logged) for p in found] == [
        ("apache2", "8", "", True, False), ("fpm", "", "apache", False, True),
    ]  # fmt: skip


def test_files_of_a_removed_php_do_not_count(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {"etc/php/8.2/fpm/php.ini": "", "etc/php.ini": ""}
    assert look(tmp_path, **files) == PhpInstallations(installed=False)


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 0), ("128M", 128 * 1024**2), ("-1", -1), ("8k", 8192), ("1G", 1024**3), (" 5 ", 5)],
)
def test_sizes(text: str, number: int) -> None:
    assert php_installations.size(text) == number


@pytest.mark.parametrize("text", ["x", "1T", "1 M", "9" * 15 + "G", "²"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        php_installations.size(text)


KEY = st.sampled_from(["expose_php", "open_basedir", "session.name", "memory_limit"])
VALUE = st.text("abcXYZ019/_-.:,=", max_size=12)


@given(st.dictionaries(KEY, VALUE), st.booleans(), st.sampled_from(["", " ; why", "\t;"]))
@thorough
def test_what_is_written_for_php_reads_the_same(model: dict[str, str], quoted: bool, comment: str) -> None:
    mark = '"' if quoted else ""
    lines = [f"{key} = {mark}{value}{mark}{comment}" for key, value in model.items()]
    assert php_installations.parse("; x = 1\n[PHP]\n" + "\n".join(lines)) == model


@pytest.mark.hostile
@given(st.text(max_size=200) | st.text("[]=;\"'\nphp_value 1kmg", max_size=200))
@thorough
def test_any_text_is_read_or_refused_with_value_error(text: str) -> None:
    place = php_installations.Place("fpm", "8", "php.ini", "", "")
    with suppress(ValueError):
        told = php_installations.DEFAULTS | php_installations.parse(text)
        for name, user, own in [("", "", {}), *php_installations.pools(text)]:
            php_installations.describe(place, name, user, told | own)
