"""Browsers, the policies that hold for everybody, the extensions that people have."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.desktop import browser_extensions, browser_installed, browser_policies
from vonggac_agent.facts.desktop.browser_policies import Policy
from vonggac_contract.facts.browsers import BrowserExtension

STATUS = "".join(
    f"Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: amd64\n\n"
    for name, version in (("firefox-esr", "128.5.0esr-1"), ("thunderbird", "1:128.5"), ("evolution", "3.46"))
)
LOCKED = {"Value": True, "Status": "locked"}
FIREFOX = {
    "policies": {
        "ExtensionSettings": {
            "*": {"installation_mode": "blocked"},
            "uBlock0@raymondhill.net": {"installation_mode": "force_installed", "install_url": "https://x"},
        },
        "Preferences": {
            "browser.safebrowsing.malware.enabled": LOCKED,
            "browser.safebrowsing.phishing.enabled": LOCKED,
        },
        "DNSOverHTTPS": {"Enabled": False, "Locked": True},
    }
}


def policies(**told: Any) -> str:
    return json.dumps({"policies": told})


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, Policy()),
        ({"ExtensionSettings": {"*": {"installation_mode": "blocked"}}}, Policy("blocked")),
        ({"ExtensionSettings": {"*": {"installation_mode": "allowed"}}}, Policy()),
        ({"InstallAddonsPermission": {"Default": False}}, Policy("blocked")),
        ({"InstallAddonsPermission": {"Default": False, "Allow": ["https://x"]}}, Policy("listed")),
        ({"WebsiteFilter": {"Block": ["https://x/*"]}}, Policy(filtering=True)),
        ({"Preferences": {"browser.safebrowsing.malware.enabled": LOCKED}}, Policy()),
        (
            {"DNSOverHTTPS": {"Enabled": True, "ProviderURL": "https://x", "Locked": True}},
            Policy(own_dns="set"),
        ),
        ({"DNSOverHTTPS": {"Enabled": False}}, Policy()),
        ({"ExtensionSettings": [1], "Preferences": "x", "DNSOverHTTPS": None}, Policy()),
    ],
)
def test_a_policy_of_firefox(told: dict[str, Any], expected: Policy) -> None:
    assert browser_policies.firefox(policies(**told)) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, Policy()),
        ({"ExtensionInstallBlocklist": ["*"]}, Policy("blocked")),
        ({"ExtensionInstallBlocklist": ["a"]}, Policy()),
        ({"ExtensionInstallBlocklist": ["*"], "ExtensionInstallAllowlist": ["b"]}, Policy("listed")),
        ({"ExtensionInstallBlocklist": ["*"], "ExtensionInstallForcelist": ["b"]}, Policy("listed")),
        ({"ExtensionSettings": {"*": {"installation_mode": "removed"}}}, Policy("blocked")),
        ({"SafeBrowsingProtectionLevel": 1}, Policy(filtering=True)),
        ({"SafeBrowsingProtectionLevel": 0}, Policy()),
        ({"SafeBrowsingEnabled": True}, Policy(filtering=True)),
        ({"SmartScreenEnabled": True}, Policy(filtering=True)),
        ({"URLBlocklist": ["x"]}, Policy(filtering=True)),
        ({"DnsOverHttpsMode": "off"}, Policy(own_dns="off")),
        ({"DnsOverHttpsMode": "secure", "DnsOverHttpsTemplates": "https://x"}, Policy(own_dns="set")),
        ({"DnsOverHttpsMode": "automatic"}, Policy()),
    ],
)
def test_a_policy_of_chromium(told: dict[str, Any], expected: Policy) -> None:
    assert browser_policies.chromium(told) == expected


def test_browsers_are_found_with_their_policy(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "var/lib/dpkg/status": STATUS,
        "var/lib/snapd/snaps/chromium_2987.snap": "",
        "var/lib/flatpak/app/com.brave.Browser/current": "",
        "etc/firefox/policies/policies.json": json.dumps(FIREFOX),
        "usr/lib/firefox-esr/distribution/policies.json": policies(),
        "etc/chromium/policies/managed/10.json": '{"ExtensionInstallBlocklist": ["*"], "URLBlocklist": ["x"]}',
        "etc/chromium/policies/managed/20.json": '{"URLBlocklist": []}',
        "etc/chromium/policies/managed/readme.txt": "no JSON",
    }
    found = browser_installed.gather(mounted(tmp_path, files), ())[0].browsers
    assert [(b.name, b.kind, b.package, b.managed, b.extensions, b.filtering, b.own_dns) for b in found] == [
        ("firefox", "browser", "firefox-esr", True, "listed", True, "off"),
        ("chromium", "browser", "chromium", True, "blocked", False, "free"),
        ("brave", "browser", "com.brave.Browser", True, "free", False, "free"),
        ("thunderbird", "mail", "thunderbird", True, "free", False, "free"),
        ("evolution", "mail", "evolution", False, "free", False, "free"),
    ]
    assert found[0].version == "128.5.0esr-1"


def addon(name: str, location: str = "app-profile", kind: str = "extension") -> dict[str, str]:
    return {"id": name, "type": kind, "location": location}


def test_extensions_of_all_people_are_told_without_the_people(tmp_path: Path) -> None:
    addons = [
        addon("uBlock0@raymondhill.net"),
        addon("formautofill@mozilla.org", "app-builtin"),
        addon("langpack-vi@firefox.mozilla.org", kind="locale"),
    ]
    chrome = "home/lan/.config/google-chrome/Default/Extensions"
    files: dict[str, str | bytes | Link] = {
        "home/lan/.mozilla/firefox/x.default/extensions.json": json.dumps({"addons": addons}),
        "home/minh/.mozilla/firefox/y.default/extensions.json": json.dumps({"addons": addons}),
        f"{chrome}/{'a' * 32}/1.0/manifest.json": "{}",
        f"{chrome}/Temp/x": "",
    }
    found, _ = browser_extensions.gather(mounted(tmp_path, files), ())
    assert found.extensions == [
        BrowserExtension("chrome", "a" * 32),
        BrowserExtension("firefox", "uBlock0@raymondhill.net"),
    ]
    assert "lan" not in repr(found)


ID = st.text("abcdefghijklmnop@.", min_size=1, max_size=12)


@given(st.sets(ID, max_size=4), st.booleans())
@thorough
def test_extensions_written_down_are_read_back(ids: set[str], blocked: bool) -> None:
    text = json.dumps(
        {"addons": [addon(name) for name in sorted(ids)] + [addon("own", "app-system-defaults")]}
    )
    assert browser_policies.firefox_extensions(text) == sorted(ids)
    entries = {name: {"installation_mode": "allowed"} for name in ids} | {
        "*": {"installation_mode": "blocked" if blocked else "allowed"}
    }
    expected = ("listed" if ids else "blocked") if blocked else "free"
    assert browser_policies.firefox(policies(ExtensionSettings=entries)).extensions == expected
    assert browser_policies.chromium({"ExtensionSettings": entries}).extensions == expected


@pytest.mark.hostile
@given(st.text(max_size=100), st.dictionaries(st.text(max_size=5), st.integers() | st.none(), max_size=3))
@thorough
def test_any_text_is_refused_as_a_value_error_or_read(text: str, told: dict[str, Any]) -> None:
    for candidate in (text, json.dumps(told), json.dumps({"policies": told, "addons": [told]})):
        for read in (
            browser_policies.firefox,
            browser_policies.firefox_extensions,
            lambda t: browser_policies.managed([t]),
        ):
            with contextlib.suppress(ValueError):
                read(candidate)
    browser_policies.chromium(told)


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("piece", ['{"policies":', "[", '{"addons":[{"id":"a"},'])
def test_ten_megabytes_cost_less_than_a_second(piece: str) -> None:
    text = piece * (10_000_000 // len(piece))
    started = time.process_time()
    with contextlib.suppress(ValueError):
        browser_policies.firefox(text)
    assert time.process_time() - started < 1 * slowness()
