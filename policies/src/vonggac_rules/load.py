"""From a rule's YAML to a checked Rule: every fact declared, every field there, every value of a fitting type."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from vonggac_contract.finding import DOMAINS, SEVERITIES
from vonggac_contract.rule import (
    ParameterDefinition,
    Rule,
    Text,
)
from vonggac_contract.terminal import acting

from .check import Misfit
from .conditions import Conditions
from .errors import Slips
from .source import Path_, Source, unreadable
from .uses import ParameterUse, fit_parameter

FAMILIES: Final = ("any", "debian", "redhat", "suse", "windows")
RULE_ID: Final = re.compile(r"(linux|windows)\.[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+")
_KEYS: Final = frozenset(
    ["id", "title", "why", "fix", "severity", "domain", "applies", "check", "parameters", "maps"]
)
PLATFORMS: Final = ("linux", "windows")
_PLATFORM: Final = "`applies` has `platform: linux` or `platform: windows`, and `when` if it has a condition"
_DEFINITION: Final = ("default", "about")
_ENTRY: Final = "write {default: …, about: {vi: …, en: …}}"
_REQUIRED: Final = ("id", "title", "why", "fix", "severity", "domain", "applies", "check", "maps")


class LoadedRule(msgspec.Struct, frozen=True):
    """A rule with what a profile needs to check the values it sets."""

    rule: Rule
    uses: tuple[ParameterUse, ...]
    source: Source


def load_rule(source: Source) -> LoadedRule:
    """Check one rule file's values. Raises RuleError with place and hint, for everything that is wrong at once."""
    return _Loader(source).rule()


class _Loader(Conditions):
    def rule(self) -> LoadedRule:
        top = self.mapping(self.source.value, (), "a rule has " + ", ".join(_REQUIRED))
        with self.slips:
            self.source.check_keys((), top, _KEYS, _REQUIRED, "a rule has " + ", ".join(_REQUIRED))
        applies = self.part(top, "applies", lambda v: self.mapping(v, ("applies",)))
        if applies is not None:
            with self.slips:
                keys = ("platform", "when")
                self.source.check_keys(("applies",), applies, keys, ("platform",), _PLATFORM)
        applies = applies or {}
        platform = self.part(applies, "platform", lambda v: self.word(v, ("applies", "platform"), PLATFORMS))
        self.platform = platform or self.platform
        rule_id = self.part(top, "id", self.id)
        definitions = self.part(top, "parameters", self.definitions) or {}
        before = len(self.slips.found)
        when = self.part(
            applies, "when", lambda v: self.condition(v, ("applies", "when"), None, top_level=False)
        )
        check = self.part(top, "check", lambda v: self.condition(v, ("check",), None, top_level=True))
        if len(self.slips.found) == before and check is not None:
            for name in set(definitions) - {u.name for u in self.uses}:
                words = f"parameter {name!r} is used nowhere"
                self.slips.add(self.refuse(("parameters", name), words, "drop it"))
        for name, definition in definitions.items():
            definitions[name] = self.fitted(name, definition)
        title = self.part(top, "title", lambda v: self.text(v, ("title",)))
        why = self.part(top, "why", lambda v: self.text(v, ("why",)))
        fix = self.part(top, "fix", self.fix)
        severity = self.part(top, "severity", lambda v: self.word(v, ("severity",), SEVERITIES))
        domain = self.part(top, "domain", lambda v: self.word(v, ("domain",), DOMAINS))
        maps = self.part(top, "maps", self.maps)
        self.slips.settle()
        rule = Rule(
            id=rule_id,
            title=title,
            why=why,
            fix=fix,
            severity=severity,
            domain=domain,
            platform=self.platform,
            when=when,
            check=check,
            parameters=definitions,
            maps=maps,
        )
        return LoadedRule(rule, tuple(self.uses), self.source)

    def part(self, value: dict[str, Any], key: str, read: Callable[[Any], Any]) -> Any:
        """What `read` makes of the value of `key`; None where it is missing, or wrong, which is told at the end."""
        with self.slips:
            if key in value:
                return read(value[key])
        return None

    def id(self, value: Any) -> str:
        if not isinstance(value, str) or not RULE_ID.fullmatch(value) or len(value) > 120:
            raise self.refuse(
                ("id",), f"{value!r} is no rule id", "write <platform>.<topic>.<name>, lower case"
            )
        if not value.startswith(self.platform + "."):
            raise self.refuse(
                ("id",), f"the id says another platform than {self.platform}",
                f"begin it with {self.platform}. or change `platform`",
            )  # fmt: skip
        return value

    def fitted(self, name: str, definition: ParameterDefinition) -> ParameterDefinition:
        """With the default in the form that it is compared in; as it is where nothing right compares it."""
        if definition.default is not msgspec.UNSET and any(u.name == name for u in self.uses):
            try:
                default = fit_parameter(self.uses, name, definition.default)
                return msgspec.structs.replace(definition, default=default)
            except Misfit as e:
                self.slips.add(self.refuse(("parameters", name, "default"), str(e), e.hint))
        return definition

    def text(self, value: Any, path: Path_) -> Text:
        both = self.mapping(value, path, "write {vi: …, en: …}")
        slips = Slips()
        with slips:
            self.only(both, path, ("vi", "en"))
        for language in ("vi", "en"):
            if not isinstance(both.get(language), str) or not both[language].strip():
                words = f"the text in {language!r} is missing"
                slips.add(self.refuse((*path, language), words, "write both vi and en"))
            elif (place := acting(both[language])) is not None:
                words = unreadable(both[language][place])
                slips.add(self.refuse((*path, language), words, "remove the escape that stands for it"))
        slips.settle()
        return Text(both["vi"].strip(), both["en"].strip())

    def fix(self, value: Any) -> dict[str, Text]:
        steps = self.mapping(value, ("fix",))
        if not steps or "vi" in steps or "en" in steps:
            return {"any": self.text(steps, ("fix",))}
        with self.slips:
            self.only(steps, ("fix",), FAMILIES)
        found = {}
        for family in (f for f in steps if f in FAMILIES):
            with self.slips:
                found[family] = self.text(steps[family], ("fix", family))
        return found

    def definitions(self, value: Any) -> dict[str, ParameterDefinition]:
        self.parameters = None
        entries = self.mapping(value, ("parameters",))
        self.parameters = entries
        return {name: self.definition(name, body) for name, body in entries.items()}

    def definition(self, name: str, body: Any) -> ParameterDefinition:
        path: Path_ = ("parameters", name)
        entry: dict[str, Any] = {}
        with self.slips:
            entry = self.mapping(body, path, _ENTRY)
            self.source.check_keys(path, entry, _DEFINITION, _DEFINITION, _ENTRY)
        about = self.part(entry, "about", lambda v: self.text(v, (*path, "about")))
        return ParameterDefinition(entry.get("default", msgspec.UNSET), about)

    def maps(self, value: Any) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, ids in self.mapping(value, ("maps",)).items():
            path: Path_ = ("maps", name)
            with self.slips:
                self.word(name, path, ("tcvn14423", "cis", "nist80053"))
                if not isinstance(ids, list) or not all(isinstance(i, str) and i for i in ids):
                    raise self.refuse(path, "here stands a list of texts", 'write ["5.1.20"], in quotes')
                found[name] = ids
        return found
