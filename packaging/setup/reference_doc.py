"""Writes docs/reference: a page for every declared fact and every rule, from the declarations and files themselves.

`--check` says whether the pages are up to date; `--out DIR` writes them elsewhere.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from vonggac_contract.facts import TOPICS, FactKey, Topic
from vonggac_contract.finding import DOMAINS
from vonggac_contract.rule import Condition, Profile, Rule, Text
from vonggac_rules.load import LoadedRule
from vonggac_rules.pack import Pack, load_pack
from vonggac_rules.paragraph import explain, parameter
from vonggac_rules.plan import facts_in
from vonggac_rules.types import FieldType, fields_of
from vonggac_rules.worlds import leaves_of

ROOT: Final = Path(__file__).resolve().parents[2]
POLICIES: Final = ROOT / "policies"
OUT: Final = ROOT / "docs" / "reference"
WRITTEN: Final = "Written by `make docs`; a test compares."
CAVEAT: Final = (
    "The requirements of levels 1 to 5 come from an unofficial paraphrase of TCVN 14423:2026; clause numbers are kept."
    " Check them against the official standard and Decree 331/2026/NĐ-CP before you rely on them; every threshold is a"
    " parameter that an administrator can set in a profile of their own.",
    "Các yêu cầu của cấp độ 1 đến 5 lấy từ một bản diễn giải không chính thức của TCVN 14423:2026, giữ nguyên số điều"
    " khoản. Hãy đối chiếu với tiêu chuẩn chính thức và Nghị định 331/2026/NĐ-CP trước khi dựa vào; mọi ngưỡng đều là"
    " tham số mà quản trị viên đặt lại được trong hồ sơ riêng.",
)
DOMAIN_NAMES: Final = {
    "patching": "Patching · Bản vá",
    "exposure": "Exposure · Bề mặt mạng",
    "tls": "TLS · Chứng thư số và mã hóa",
    "configuration": "Configuration · Cấu hình",
    "access": "Access · Truy cập",
    "logging": "Logging · Nhật ký",
    "protection": "Protection · Bảo vệ",
}
FAMILIES: Final = {
    "any": "Every system · Mọi hệ thống",
    "debian": "Debian, Ubuntu",
    "redhat": "RHEL, AlmaLinux, Rocky",
    "suse": "SUSE",
    "windows": "Windows",
}
SCHEMES: Final = {"cis": "CIS benchmarks (Debian 12, RHEL 9)", "nist80053": "NIST SP 800-53 Rev. 5"}


class Control(msgspec.Struct, frozen=True):
    """A control of the table: its title and its clause by level."""

    title_vi: str
    title_en: str
    clauses: dict[str, str]


def main() -> int:
    """Write the pages, or compare them."""
    arguments = argparse.ArgumentParser(description="pages of docs/reference")
    arguments.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments.add_argument("--out", type=Path, default=OUT, help="folder to write to")
    given = arguments.parse_args()
    pack = load_pack(POLICIES)
    if pack.errors:
        print(f"{pack.errors[0]}\n  {pack.errors[0].hint}", file=sys.stderr)
        return 1
    made = dict(pages(pack, controls(POLICIES / "data" / "level-controls.csv")))
    there = {str(p.relative_to(given.out)): p for p in given.out.rglob("*.md")}
    if given.check:
        stale = sorted(
            {n for n in made if n not in there or there[n].read_text("utf-8") != made[n]} | {*there} - {*made}
        )
        if stale:
            more = f" and {len(stale) - 5} more" if len(stale) > 5 else ""
            print(f"docs/reference is stale ({', '.join(stale[:5])}{more}): run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for name in there.keys() - made.keys():
        there[name].unlink()
    for name, text in made.items():
        path = given.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def pages(pack: Pack, table: dict[str, Control]) -> Iterator[tuple[str, str]]:
    """Every page's name and text."""
    users: dict[str, dict[str, set[str]]] = {name: {} for name in TOPICS}
    for rule_id in sorted(pack.rules):
        for key, field in read_by(pack.rules[rule_id].rule):
            users[key.topic].setdefault(rule_id, set()).add(field)
    yield "facts.md", _text(facts_index(users))
    for name in sorted(TOPICS):
        yield f"facts/{name}.md", _text(fact_page(TOPICS[name], users[name]))
    yield "rules.md", _text(rules_index(pack))
    for rule_id in sorted(pack.rules):
        yield f"rules/{rule_id}.md", _text(rule_page(pack.rules[rule_id], pack, table))


def controls(path: Path) -> dict[str, Control]:
    """The table of level controls (see its header for source and caveats)."""
    found: dict[str, Control] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(line for line in stream if not line.startswith("#")):
            known = found.setdefault(row["control_id"], Control(row["title_vi"], row["title_en"], {}))
            known.clauses[row["level"]] = row["clause"]
    return found


def read_by(rule: Rule) -> Iterator[tuple[FactKey, str]]:
    """The facts that a rule reads, with the field of each."""
    conditions: list[Condition] = [rule.check] if rule.when is None else [rule.when, rule.check]
    for condition in conditions:
        for leaf in leaves_of(condition):
            if leaf.fact is not None:
                yield leaf.fact, leaf.field


def facts_index(users: dict[str, dict[str, set[str]]]) -> Iterator[str]:
    """What can be asked of a machine."""
    yield "# Facts"
    yield f"What rules can ask of a machine. {WRITTEN} How a rule names a fact is in [the rule language](../rules.md)."
    lines = ["| fact | selector | what it is | rules |", "|---|---|---|---|"]
    for name in sorted(TOPICS):
        selector, said = _codes(TOPICS[name].selector), _cell(_first(TOPICS[name]))
        lines.append(f"| [`{name}`](facts/{name}.md) | {selector} | {said} | {len(users[name])} |")
    yield "\n".join(lines)


def fact_page(topic: Topic, users: dict[str, set[str]]) -> Iterator[str]:
    """One fact: how it is named and gathered, its fields, the rules that read it."""
    yield f"# `{topic.name}`"
    yield _prose(_doc(topic.value))
    rows = [
        ("selector", _codes(topic.selector) or "none"),
        ("platforms", ", ".join(topic.platforms)),
        ("field compared if none is named", f"`{topic.main}`" if topic.main else "none"),
        ("gathered", "with every look" if topic.cadence == "look" else "once a day"),
        ("needs root", "an ordinary user sees less or nothing" if topic.privileged else "no"),
        ("with `--root`", "not answered: it needs the running system" if topic.live else "answered"),
    ]
    yield "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])
    for struct in _structs(topic.value, []):
        yield "## Fields" if struct is topic.value else f"## `{struct.__name__}`"
        if struct is not topic.value:
            yield _prose(_doc(struct))
        yield "\n".join(["| field | type | what it is | read from |", "|---|---|---|---|", *_fields(struct)])
    yield "## Rules that read it"
    lines = [f"- [`{r}`](../rules/{r}.md): {_codes(sorted(fields))}" for r, fields in sorted(users.items())]
    yield "\n".join(lines) if lines else "None."


def _fields(struct: type[msgspec.Struct]) -> Iterator[str]:
    for name, found in fields_of(struct).items():
        marks = [
            *(["kept back in evidence"] if found.secret else []),
            *(["moves by itself"] if found.volatile else []),
            *([f"{_codes(v or '(empty)' for v in found.unseen)}: could not be seen"] if found.unseen else []),
        ]
        said = _cell(found.description) + (f" ({'; '.join(marks)})" if marks else "")
        yield f"| `{name}` | {_type(found)} | {said} | {_cell(found.source)} |"


def _type(found: FieldType) -> str:
    if found.kind == "list" and found.element is not None:
        said = f"list of {_type(found.element)}"
    elif found.struct is not None:
        said = f"[`{found.struct.__name__}`](#{found.struct.__name__.lower()})"
    elif found.allowed:
        said = "one of " + _codes(found.allowed)
    else:
        said = f"{found.kind}, {found.unit}" if found.unit else found.kind
    return f"{said}, or none" if found.optional else said


def _structs(struct: type[msgspec.Struct], seen: list[type[msgspec.Struct]]) -> list[type[msgspec.Struct]]:
    """A Struct and those inside it, each once."""
    if struct not in seen:
        seen.append(struct)
        for found in fields_of(struct).values():
            inner = found.element if found.kind == "list" and found.element is not None else found
            if inner.struct is not None:
                _structs(inner.struct, seen)
    return seen


def rules_index(pack: Pack) -> Iterator[str]:
    """What is demanded of a machine."""
    yield "# Rules"
    yield "\n>\n".join(f"> {text}" for text in CAVEAT)
    levels = {r: [p.level for p in pack.profiles if r in p.rules and not p.extends] for r in pack.rules}
    yield f"{len(pack.rules)} rules, by domain. {WRITTEN} How one is written is in [the rule language](../rules.md)."
    for domain in DOMAINS:
        yield f"## {DOMAIN_NAMES[domain]}"
        lines = ["| rule | what is true when it passes | severity | levels |", "|---|---|---|---|"]
        for rule_id, loaded in sorted(pack.rules.items()):
            rule = loaded.rule
            if rule.domain == domain:
                title = f"{_cell(rule.title.en)}<br>{_cell(rule.title.vi)}"
                link = f"[`{rule_id}`](rules/{rule_id}.md)"
                lines.append(f"| {link} | {title} | {rule.severity} | {_levels(levels[rule_id])} |")
        yield "\n".join(lines)


def rule_page(loaded: LoadedRule, pack: Pack, table: dict[str, Control]) -> Iterator[str]:
    """One rule: what it asks and why, its thresholds, how to meet it, what it stands for, what proves it."""
    rule = loaded.rule
    yield f"# {_escaped(rule.title.en)}"
    yield f"**{_escaped(rule.title.vi)}**"
    levels = [p.level for p in pack.profiles if rule.id in p.rules and not p.extends]
    yield f"`{rule.id}` · {rule.severity} · {DOMAIN_NAMES[rule.domain]} · levels {_levels(levels)}"
    yield "## Why · Vì sao"
    yield from _both(rule.why)
    yield "## What is asked · Yêu cầu"
    yield _said(explain(rule, "en"))
    yield _said(explain(rule, "vi"))
    keys = {k for c in (rule.check, rule.when) if c is not None for k in facts_in(c)}
    yield "Facts: " + ", ".join(f"[`{k}`](../facts/{k.topic}.md)" for k in sorted(keys)) + "."
    if rule.parameters:
        yield "## Thresholds · Ngưỡng"
        yield "\n".join(_thresholds(rule, [p for p in pack.profiles if not p.extends]))
    yield "## How to fix it · Cách khắc phục"
    for family, steps in rule.fix.items():
        if len(rule.fix) > 1 or family != "any":
            yield f"### {FAMILIES[family]}"
        yield from _steps(steps.en)
        yield from _steps(steps.vi)
    yield "## Stands for · Đối chiếu"
    yield from _maps(rule, table)
    yield "## Cases · Trường hợp kiểm chứng"
    yield "\n".join(
        [
            "| case | outcome |",
            "|---|---|",
            *(
                f"| {c.name.partition('-')[2].replace('-', ' ')} | {c.outcome}{f' ({c.reason})' if c.reason else ''} |"
                for c in pack.cases[rule.id]
            ),
        ]
    )


def _thresholds(rule: Rule, profiles: list[Profile]) -> Iterator[str]:
    asked = [p for p in profiles if rule.id in p.rules]
    yield "| parameter | what it sets | " + " | ".join(f"level {p.level}" for p in asked) + " |"
    yield "|---|---|" + "---|" * len(asked)
    for name, definition in rule.parameters.items():
        values = [parameter(rule, name, p.rules[rule.id].get(name, definition.default), "en") for p in asked]
        about = f"{_cell(definition.about.en)}<br>{_cell(definition.about.vi)}"
        yield f"| `{name}` | {about} | " + " | ".join(map(_cell, values)) + " |"


def _maps(rule: Rule, table: dict[str, Control]) -> Iterator[str]:
    named = [(c, table[c]) for c in rule.maps.get("tcvn14423", []) if c in table]
    if named:
        heads = " | ".join(f"level {n}" for n in range(1, 6))
        lines = [f"| TCVN 14423:2026 (unofficial source) | {heads} |", "|---|" + "---|" * 5]
        for control, known in named:
            clauses = [known.clauses.get(str(n), "-") for n in range(1, 6)]
            title = f"`{control}`: {_cell(known.title_en)}<br>{_cell(known.title_vi)}"
            lines.append(f"| {title} | " + " | ".join(map(_cell, clauses)) + " |")
        yield "\n".join(lines)
    others = [f"- {SCHEMES[s]}: {', '.join(rule.maps[s])}" for s in SCHEMES if rule.maps.get(s)]
    if others:
        yield "\n".join(others)


def _steps(text: str) -> Iterator[str]:
    """Indented lines are to be copied; everything else is prose."""
    block: list[str] = []
    copied = False
    for line in [*text.splitlines(), ""]:
        indented = line.startswith(" ")
        if block and (indented is not copied or not line.strip()):
            yield _code(block) if copied else _escaped(" ".join(block))
            block = []
        copied = indented
        if line.strip():
            block.append(line[2:].rstrip() if indented else line.strip())
    if block:
        yield _code(block) if copied else _escaped(" ".join(block))


def _code(lines: list[str]) -> str:
    return "\n".join(["```", *lines, "```"])


def _both(text: Text) -> Iterator[str]:
    yield _prose(text.en)
    yield _prose(text.vi)


def _levels(levels: list[int]) -> str:
    if not levels:
        return "none"
    if len(levels) > 1 and levels == list(range(levels[0], levels[-1] + 1)):
        return f"{levels[0]} to {levels[-1]}"
    return ", ".join(map(str, levels))


def _doc(struct: type[msgspec.Struct]) -> str:
    return " ".join((struct.__doc__ or "").split())


def _first(topic: Topic) -> str:
    return _doc(topic.value).partition(". ")[0].removesuffix(".")


def _prose(text: str) -> str:
    return _escaped(" ".join(text.split()))


def _said(text: str) -> str:
    """A paragraph that has names in backticks already: only what is outside them is escaped."""
    return "`".join(part if i % 2 else _escaped(part) for i, part in enumerate(text.split("`")))


def _escaped(text: str) -> str:
    """Markdown shows it as it is."""
    return "".join(f"\\{c}" if c in "\\*<>[]#" else c for c in text)


def _cell(text: str) -> str:
    return _said(text).replace("|", "\\|")


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{w}`".replace("|", "\\|") for w in words)


def _text(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
