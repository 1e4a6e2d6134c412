"""The distribution's own SCAP content, made to answer about a root that it was not written for.

Debian 12 ships the content for Debian 11, and for RHEL 9 in ssg-nondebian. A copy is made of its XCCDF part without
platform conditions (XCCDF 1.2, 6.4.4.3 `platform`: they answer notapplicable on another release), with one profile
that selects the rules wanted. What the rules look at, the OVAL part, is left as it is.
"""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

PLACE = Path("/usr/share/xml/scap/ssg/content")
PREFIX = "xccdf_org.ssgproject.content_"
PROFILE = f"{PREFIX}profile_agreement"
XCCDF = "{http://checklists.nist.gov/xccdf/1.2}"
OVAL_SYSTEM = "http://oval.mitre.org/XMLSchema/oval-definitions-5"
DROPPED = (
    *("platform", "platform-specification", "Profile", "requires", "conflicts"),
    *(
        "description",
        "rationale",
        "warning",
        "reference",
        "ident",
        "fix",
        "fixtext",
        "front-matter",
        "notice",
    ),
)
"""Conditions that answer notapplicable or leave a rule out for another's sake, and texts: nine tenths of the file."""
CONFIGURED = "_static"
"""How the OVAL definition is called that looks only at what a sysctl is configured to be, not at the running kernel."""


def write_copy(content: str, rules: set[str], values: dict[str, str], folder: Path) -> Path:
    """The copy of `content` (`debian11`, `rhel9`) with `rules` selected; the path of its XCCDF file in `folder`.

    A name `sysctl_…_static` is a rule of our own making, which asks only for that part of the rule `sysctl_…`.
    `values` sets XCCDF Values. Raises KeyError for rules that the content lacks or has no OVAL check for.
    """
    tree = ET.parse(PLACE / f"ssg-{content}-xccdf.xml")  # noqa: S314
    benchmark = tree.getroot()
    _drop(benchmark)
    found = _add_configured(benchmark, rules)
    missing = rules - found.keys()
    if missing:
        raise KeyError(f"{content} has no rules with a check named {', '.join(sorted(missing))}")
    profile = ET.Element(f"{XCCDF}Profile", {"id": PROFILE})
    ET.SubElement(profile, f"{XCCDF}title").text = "Agreement"
    for name, rule in found.items():
        chosen = "true" if name in rules else "false"
        ET.SubElement(profile, f"{XCCDF}select", {"idref": rule.attrib["id"], "selected": chosen})
    for name, value in values.items():
        idref = f"{PREFIX}value_{name}"
        ET.SubElement(profile, f"{XCCDF}set-value", {"idref": idref}).text = value
    _insert_profile(benchmark, profile)
    copy = folder / f"ssg-{content}-xccdf.xml"
    tree.write(copy, xml_declaration=True, encoding="utf-8")
    shutil.copy(PLACE / f"ssg-{content}-oval.xml", folder)
    return copy


def _drop(benchmark: ET.Element) -> None:
    """What is not needed goes; the white space behind it stays, for oscap 1.3.7 skips what follows otherwise."""
    for element in list(benchmark.iter()):
        element.attrib.pop("platform", None)
        for place, child in reversed(list(enumerate(element))):
            if child.tag.rpartition("}")[2] in DROPPED:
                before = element[place - 1] if place else None
                if before is None:
                    element.text = (element.text or "") + (child.tail or "")
                else:
                    before.tail = (before.tail or "") + (child.tail or "")
                element.remove(child)


def _add_configured(benchmark: ET.Element, rules: set[str]) -> dict[str, ET.Element]:
    """Every rule with an OVAL check by its short name, those of our own making added beside the ones they come from."""
    found: dict[str, ET.Element] = {}
    for group in benchmark.iter(f"{XCCDF}Group"):
        for rule in group.findall(f"{XCCDF}Rule"):
            name = rule.attrib["id"].removeprefix(f"{PREFIX}rule_")
            if not any(check.attrib.get("system") == OVAL_SYSTEM for check in rule.findall(f"{XCCDF}check")):
                found[name] = rule
                continue
            found[name] = rule
            if name + CONFIGURED in rules:
                part = ET.fromstring(ET.tostring(rule))  # noqa: S314
                part.attrib["id"] += CONFIGURED
                for reference in part.iter(f"{XCCDF}check-content-ref"):
                    if reference.attrib.get("name", "").startswith("oval:"):
                        reference.attrib["name"] = f"oval:ssg-{name}{CONFIGURED}:def:1"
                group.append(part)
                found[name + CONFIGURED] = part
    return found


def _insert_profile(benchmark: ET.Element, profile: ET.Element) -> None:
    ET.indent(profile)
    profile.tail = "\n"
    kinds = (f"{XCCDF}Value", f"{XCCDF}Group", f"{XCCDF}Rule")
    place = next(i for i, child in enumerate(benchmark) if child.tag in kinds)
    benchmark.insert(place, profile)


def read_results(results: Path) -> dict[str, str]:
    """Rule's short name -> result (XCCDF 1.2, 6.6.4.2), of those that were selected."""
    found: dict[str, str] = {}
    for _, element in ET.iterparse(results):  # noqa: S314
        if element.tag == f"{XCCDF}rule-result":
            result = element.findtext(f"{XCCDF}result", "")
            if result != "notselected":
                found[element.attrib["idref"].removeprefix(f"{PREFIX}rule_")] = result
    return found
