"""config.setting and file.lines: one setting of any file, in the order its reader would take it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from tests.unit.facts.roots import NOW, Link, mounted

from vonggac_agent.facts import gather
from vonggac_agent.host import Host
from vonggac_contract.facts import TOPICS, Known, Reason, Unavailable, fact_key
from vonggac_contract.facts.files import ConfigFormat, ConfigSetting, FileLines


def setting(host: Host, path: str, form: str, key: str) -> ConfigSetting:
    wanted = fact_key("config.setting", {"path": path, "format": form, "key": key})
    fact = gather(host, [wanted])[wanted]
    assert isinstance(fact, Known), fact
    assert isinstance(fact.value, ConfigSetting)
    return fact.value


FILES = {
    "etc/a.ini": "[one]\nx = 1\n[two]\nx = 2\nx = 3\n",
    "etc/default/a": "export A='b c'\nA=d # e\n",
    "etc/a.conf": "size: 20\nname = a b\n",
    "etc/ssh/sshd_config": "Include sshd_config.d/*.conf\nPort 22\nPermitRootLogin no\n",
    "etc/ssh/sshd_config.d/b.conf": "PermitRootLogin yes\nInclude /etc/ssh/more.conf\n",
    "etc/ssh/sshd_config.d/a.conf": "port 2222\n",
    "etc/ssh/more.conf": "Banner /etc/issue\n",
    "etc/a.json": '{"a": {"b": [1, true, "x"]}, "c": null}',
    "etc/a.yaml": "a:\n  - {b: yes}\n  - {b: 7}\n",
    "etc/a.toml": "[a]\nb = 5\n",
    "etc/a.xml": "<Server port='8005'><C n='1'>hi</C><C n='2'/></Server>",
    "etc/systemd/journald.conf": "[Journal]\nStorage=volatile\nRateLimitBurst=5\n",
    "etc/systemd/journald.conf.d/20.conf": "[Journal]\nRateLimitBurst=\n",
    "usr/lib/systemd/journald.conf.d/10.conf": "[Journal]\nStorage=persistent\n",
    "run/systemd/journald.conf.d/10.conf": "[Journal]\nStorage=auto\n",
}


@pytest.mark.parametrize(
    ("path", "form", "key", "value", "values", "source"),
    [
        ("/etc/a.ini", "ini", "two/x", "3", ["2", "3"], "/etc/a.ini:5"),
        ("/etc/a.ini", "ini", "one/x", "1", ["1"], "/etc/a.ini:2"),
        ("/etc/default/a", "assignments", "A", "d", ["b c", "d"], "/etc/default/a:2"),
        ("/etc/a.conf", "key-value", "size", "20", ["20"], "/etc/a.conf:1"),
        ("/etc/a.conf", "key-value", "name", "a b", ["a b"], "/etc/a.conf:2"),
        ("/etc/ssh/sshd_config", "directives-first", "PermitRootLogin", "yes", ["yes", "no"],
         "/etc/ssh/sshd_config.d/b.conf:1"),
        ("/etc/ssh/sshd_config", "directives", "port", "22", ["2222", "22"], "/etc/ssh/sshd_config:2"),
        ("/etc/ssh/sshd_config", "directives", "Banner", "/etc/issue", ["/etc/issue"], "/etc/ssh/more.conf:1"),
        ("/etc/a.json", "json", "/a/b/*", "x", ["1", "true", "x"], ""),
        ("/etc/a.json", "json", "/c", "", [""], ""),
        ("/etc/a.yaml", "yaml", "/a/b", "7", ["true", "7"], ""),
        ("/etc/a.toml", "toml", "/a/b", "5", ["5"], ""),
        ("/etc/a.xml", "xml", "/Server/@port", "8005", ["8005"], ""),
        ("/etc/a.xml", "xml", "/Server/C/*", "", ["hi", ""], ""),
        ("/etc/systemd/journald.conf", "systemd", "Journal/Storage", "auto", ["volatile", "auto"],
         "/etc/systemd/journald.conf"),
    ],
)  # fmt: skip
def test_each_format_gives_the_value_in_force_all_values_and_where_it_stands(
    path: str, form: str, key: str, value: str, values: list[str], source: str, tmp_path: Path
) -> None:
    found = setting(mounted(tmp_path, FILES), path, form, key)
    assert (found.file, found.present, found.value, found.values, found.source) == (
        True,
        True,
        value,
        values,
        source,
    )
    assert found.number == (int(value) if value.isdigit() else None)


def test_what_is_not_there_is_said_apart_from_a_file_that_is_not(tmp_path: Path) -> None:
    host = mounted(tmp_path, FILES)
    for form in get_args(ConfigFormat):
        key = "/no/such" if form in ("json", "yaml", "toml", "xml") else "no/such"
        assert setting(host, "/etc/none", form, key) == ConfigSetting(file=False, present=False)
    assert setting(host, "/etc/a.ini", "ini", "one/y") == ConfigSetting(file=True, present=False)
    # An empty value of a drop-in resets what was said before it.
    assert not setting(host, "/etc/systemd/journald.conf", "systemd", "Journal/RateLimitBurst").present


def test_a_file_of_systemd_goes_on_over_comments_and_a_line_without_a_sign_says_nothing(
    tmp_path: Path,
) -> None:
    text = "[Time]\nNTP=a \\\n# between\n  b\nNTP\n"
    host = mounted(tmp_path, {"etc/systemd/timesyncd.conf": text})
    found = setting(host, "/etc/systemd/timesyncd.conf", "systemd", "Time/NTP")
    assert found.values == ["a b"]


def test_a_drop_in_that_leads_to_nothing_hides_the_one_of_its_name(tmp_path: Path) -> None:
    host = mounted(tmp_path, {**FILES, "etc/systemd/journald.conf.d/10.conf": Link("/dev/null")})
    found = setting(host, "/etc/systemd/journald.conf", "systemd", "Journal/Storage")
    assert found.values == ["volatile"]


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("files", "form", "key", "reason"),
    [
        ({"etc/x": "Include /etc/x\n"}, "directives", "a", Reason.TOO_LARGE),
        ({"etc/x": Link("/etc/x")}, "ini", "a", Reason.MALFORMED),
        ({"etc/x": "{"}, "json", "/a", Reason.MALFORMED),
        ({"etc/x": "<a"}, "xml", "/a", Reason.MALFORMED),
        ({"etc/x": "a: [1\n"}, "yaml", "/a", Reason.MALFORMED),
        ({"etc/x": "{}"}, "json", "a", Reason.MALFORMED),
        ({"etc/x": "a = 1"}, "no-such-format", "a", Reason.NOT_SUPPORTED),
        ({"etc/x": "a" * (1024 * 1024 + 1)}, "ini", "a", Reason.TOO_LARGE),
        ({"etc/x": Link("/../../../../etc/passwd")}, "assignments", "a", None),
    ],
)
def test_traps_give_a_reason_and_lead_nowhere(
    files: dict[str, str | Link], form: str, key: str, reason: Reason | None, tmp_path: Path
) -> None:
    wanted = fact_key("config.setting", {"path": "/etc/x", "format": form, "key": key})
    fact = gather(mounted(tmp_path, files), [wanted])[wanted]
    if reason is None:
        assert isinstance(fact, Known)
        assert fact.value == ConfigSetting(file=False, present=False)
    else:
        assert isinstance(fact, Unavailable)
        assert fact.reason == reason


def test_lines_come_without_comments_blanks_folded(tmp_path: Path) -> None:
    key = fact_key("file.lines", {"path": "/etc/a"})
    fact = gather(mounted(tmp_path, {"etc/a": "# c\n\n a\t b \r\nc # d\n"}), [key])[key]
    assert isinstance(fact, Known)
    assert fact.value == FileLines(exists=True, lines=["a b", "c # d"])
    none = fact_key("file.lines", {"path": "/etc/b"})
    fact = gather(Host(tmp_path, now=NOW), [none])[none]
    assert isinstance(fact, Known)
    assert fact.value == FileLines(exists=False, lines=[])


def test_the_formats_are_declared() -> None:
    assert TOPICS["config.setting"].choices == {"format": get_args(ConfigFormat)}


@pytest.mark.hostile
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o660])
def test_a_file_that_is_not_for_everybody_is_not_read_whoever_asks(mode: int, tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/shadow": "root:$6$salt$hash:1::::::\n", "etc/seen": Link("shadow")})
    (tmp_path / "etc/shadow").chmod(mode)
    for path in ("/etc/shadow", "/etc/seen", "/etc/../etc/shadow"):
        keys = [
            fact_key("file.lines", {"path": path}),
            *(
                fact_key("config.setting", {"path": path, "format": f, "key": "root"})
                for f in get_args(ConfigFormat)
            ),
        ]
        for fact in gather(host, keys).values():
            assert isinstance(fact, Unavailable)
            assert fact.reason == Reason.PERMISSION_DENIED
            assert "hash" not in fact.detail
