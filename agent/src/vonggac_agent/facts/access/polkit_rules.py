"""polkit.rules: what polkit lets people do without asking for a password, beyond the defaults of each action.

Rules are programs in JavaScript, which are not run here: a rule grants if its text holds polkit.Result.YES, and is for
everybody if it looks neither at a group nor at the user's name. So a rule that only seems to ask is told as narrower
than it is. Older polkit reads .pkla files, which say it plainly.

Sources: polkit(8), pklocalauthority(8), pkla-check-authorization(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.polkit import PolkitGrant, PolkitRules

from ...formats import ini
from ...host import Host
from ...untrusted import as_text, bounded

PROGRAMS: Final = (
    "usr/lib/polkit-1/polkitd", "usr/libexec/polkitd", "usr/libexec/polkit-1/polkitd", "usr/lib/policykit-1/polkitd",
)  # fmt: skip
PKLA_PROGRAMS: Final = (
    "usr/sbin/pkla-check-authorization", "usr/bin/pkla-check-authorization", "usr/lib/policykit-1/polkitd",
)  # fmt: skip
"""polkitd-pkla reads .pkla for new polkit; policykit-1 is 0.105, which reads nothing else."""
FOLDERS: Final = (
    "etc/polkit-1/rules.d", "run/polkit-1/rules.d", "usr/local/share/polkit-1/rules.d", "usr/share/polkit-1/rules.d",
)  # fmt: skip
AUTHORITY: Final = ("etc/polkit-1/localauthority", "var/lib/polkit-1/localauthority")
MAX_FILES: Final = 500
MAX_TEXT: Final = 256 * 1024
MAX_GRANTS: Final = 2000
_TOKEN: Final = re.compile(
    r"//[^\n]*|/\*|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|`[^`]*`?|[()]|polkit\s*\.\s*addRule\b"
)
_ACTION: Final = re.compile(r"[\"']([A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z0-9_-]+){2,12}\.?)[\"']")
_YES: Final = re.compile(r"Result\s*\.\s*YES\b|return\s*[\"']yes[\"']")
_WHO: Final = re.compile(r"isIn(?:Net)?Group|subject\s*\.\s*(?:user|groups)\b|subject\s*\[")
_WHAT: Final = re.compile(r"action\s*\.\s*(?:id|lookup)\b|action\s*\[")
_HERE: Final = re.compile(r"subject\s*\.\s*(?:local|active|seat)\b")


def rules(text: str) -> Iterator[str]:
    """The text inside the brackets of each `polkit.addRule(…)`, comments left out. Raises ValueError over MAX_TEXT."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"a file of polkit's rules is over {MAX_TEXT} characters")
    kept: list[str] = []
    depth, waiting, place = 0, False, 0
    while (match := _TOKEN.search(text, place)) is not None:
        word = match[0]
        if depth:
            kept.append(text[place : match.start()])
        place = match.end()
        if word == "/*":
            end = text.find("*/", place)
            place = len(text) if end < 0 else end + 2
            continue
        if word.startswith("//"):
            continue
        if word.startswith("polkit") and not depth:
            waiting = True
        elif word == "(" and (depth or waiting):
            depth, waiting = depth + 1, False
        elif word == ")" and depth:
            depth -= 1
            if not depth:
                yield "".join(kept)
                kept = []
        if depth:
            kept.append(word)
    if depth:  # polkit refuses a file that does not end, but what it says is worth knowing
        yield "".join(kept)


def granted(source: str, text: str) -> Iterator[PolkitGrant]:
    """What one file of rules grants."""
    for body in rules(text):
        if _YES.search(body) is None:
            continue
        yield PolkitGrant(
            source=bounded(source),
            everybody=_WHO.search(body) is None,
            everything=_WHAT.search(body) is None,
            at_the_machine=_HERE.search(body) is not None,
            actions=[bounded(name) for name in dict.fromkeys(_ACTION.findall(body))][:100],
        )


def authorised(source: str, text: str) -> Iterator[PolkitGrant]:
    """What one .pkla file grants."""
    sections: dict[str, dict[str, str]] = {}
    for entry in ini.parse(text):
        sections.setdefault(entry.section, {})[entry.key] = entry.value
    for values in sections.values():
        results = [
            name for name in ("ResultAny", "ResultInactive", "ResultActive") if values.get(name) == "yes"
        ]
        if not results:
            continue
        actions = [one.strip() for one in values.get("Action", "").split(";") if one.strip()]
        who = [one.strip() for one in values.get("Identity", "").split(";")]
        yield PolkitGrant(
            source=bounded(source),
            everybody=bool({"unix-user:*", "unix-group:*", "*"} & set(who)),
            everything="*" in actions,
            at_the_machine=results == ["ResultActive"],
            actions=[bounded(name) for name in actions][:100],
        )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[PolkitRules, str]:
    """Topic polkit.rules. Raises CouldNotLook: permission-denied for all but root where etc is closed."""
    if not any(host.exists(program) for program in PROGRAMS):
        return PolkitRules(installed=False, grants=[]), "polkitd"
    found: list[PolkitGrant] = []
    seen: set[str] = set()
    for folder in FOLDERS:
        for name in host.names(folder, limit=MAX_FILES):
            # polkit(8): of files of one name the first folder's counts
            if name.endswith(".rules") and name not in seen:
                seen.add(name)
                found.extend(granted(as_text(f"{folder}/{name}"), host.text(f"{folder}/{name}") or ""))
    if any(host.exists(program) for program in PKLA_PROGRAMS):
        for path in _pkla(host):
            found.extend(authorised(as_text(path), host.text(path) or ""))
    if len(found) > MAX_GRANTS:
        raise CouldNotLook(Reason.TOO_LARGE, f"over {MAX_GRANTS} grants of polkit")
    return PolkitRules(installed=True, grants=found), "polkit-1/rules.d, polkit-1/localauthority"


def _pkla(host: Host) -> Iterator[str]:
    for top in AUTHORITY:
        for folder in host.names(top, limit=MAX_FILES):
            names = host.names(f"{top}/{folder}", limit=MAX_FILES)
            yield from (f"{top}/{folder}/{name}" for name in names if name.endswith(".pkla"))
