"""Reads the policies of Firefox's and Chromium's kin: extensions, filter of harmful addresses, DNS of their own. Pure.

Sources: mozilla/policy-templates (policies.json); the Chrome Enterprise policy list; Microsoft Edge policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from ...formats import documents

Extensions = Literal["blocked", "listed", "free"]
OwnDns = Literal["off", "set", "free"]
_CLOSED: Final = ("blocked", "removed")


class Policy(NamedTuple):
    """What the policy demands; the defaults are those of a browser without one."""

    extensions: Extensions = "free"
    filtering: bool = False
    own_dns: OwnDns = "free"


def firefox(text: str) -> Policy:
    """policies.json of Firefox or Thunderbird. Raises ValueError if it is not JSON of that form."""
    document = documents.parse_json(text)
    policies = document.get("policies") if isinstance(document, dict) else None
    if not isinstance(policies, dict):
        raise ValueError("policies.json without policies")
    dns = _mapping(policies.get("DNSOverHTTPS"))
    own_dns: OwnDns = "free"
    if dns.get("Locked") is True:
        own_dns = "off" if dns.get("Enabled") is False else "set"
    return Policy(_firefox_extensions(policies), _firefox_filtering(policies), own_dns)


def _firefox_extensions(policies: Mapping[str, Any]) -> Extensions:
    told = _settings(policies)
    if told != "free":
        return told
    install = _mapping(policies.get("InstallAddonsPermission"))
    if install.get("Default") is False:
        return "listed" if install.get("Allow") else "blocked"
    return "free"


def _firefox_filtering(policies: Mapping[str, Any]) -> bool:
    if _mapping(policies.get("WebsiteFilter")).get("Block"):
        return True
    preferences = _mapping(policies.get("Preferences"))
    wanted = ("browser.safebrowsing.malware.enabled", "browser.safebrowsing.phishing.enabled")
    return all(_locked_on(preferences.get(name)) for name in wanted)


def _locked_on(value: Any) -> bool:
    told = _mapping(value)
    return told.get("Value") is True and told.get("Status") == "locked"


def chromium(policies: Mapping[str, Any]) -> Policy:
    """The policies of a browser of Chromium's kin, its files merged."""
    mode = policies.get("DnsOverHttpsMode")
    own_dns: OwnDns = "free"
    if mode == "off":
        own_dns = "off"
    elif mode == "secure" and policies.get("DnsOverHttpsTemplates"):
        own_dns = "set"
    filtering = (
        policies.get("SafeBrowsingProtectionLevel") in (1, 2)
        or policies.get("SafeBrowsingEnabled") is True
        or policies.get("SmartScreenEnabled") is True
        or bool(policies.get("URLBlocklist"))
    )
    return Policy(_chromium_extensions(policies), filtering, own_dns)


def _chromium_extensions(policies: Mapping[str, Any]) -> Extensions:
    told = _settings(policies)
    if told != "free":
        return told
    blocked = policies.get("ExtensionInstallBlocklist")
    if isinstance(blocked, list) and "*" in blocked:
        allowed = policies.get("ExtensionInstallAllowlist") or policies.get("ExtensionInstallForcelist")
        return "listed" if allowed else "blocked"
    return "free"


def _settings(policies: Mapping[str, Any]) -> Extensions:
    """ExtensionSettings, which both kins have: what holds for `*`, and whether others are let through."""
    entries = _mapping(policies.get("ExtensionSettings"))
    if _mapping(entries.get("*")).get("installation_mode") not in _CLOSED:
        return "free"
    others = (
        _mapping(value).get("installation_mode", "allowed") for key, value in entries.items() if key != "*"
    )
    return "listed" if any(mode not in _CLOSED for mode in others) else "blocked"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def managed(texts: list[str]) -> dict[str, Any]:
    """Policy files of Chromium's kin in the order of their names, as one; a later file overrides an earlier one.

    Raises ValueError for one that is not a JSON object.
    """
    found: dict[str, Any] = {}
    for text in texts:
        document = documents.parse_json(text)
        if not isinstance(document, dict):
            raise ValueError("a policy file that is no JSON object")
        found.update(document)
    return found


_OWN: Final = ("app-profile", "app-system-share", "app-system-local", "app-global", "app-system-user")
"""Locations of add-ons that people or the administrator put in; others come with the browser."""


def firefox_extensions(text: str) -> list[str]:
    """Ids of the extensions in a profile's extensions.json. Raises ValueError if it is not JSON of that form."""
    document = documents.parse_json(text)
    addons = document.get("addons") if isinstance(document, dict) else None
    if not isinstance(addons, list):
        raise ValueError("extensions.json without add-ons")
    return [
        addon["id"]
        for addon in addons
        if isinstance(addon, dict)
        and addon.get("type") == "extension"
        and addon.get("location") in _OWN
        and isinstance(addon.get("id"), str)
    ]
