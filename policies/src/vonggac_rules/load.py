"""From a rule's YAML to a checked Rule: every fact declared, every field there, every value of a fitting type."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, get_args

import msgspec

from vonggac_contract.errors import UnknownFact
from vonggac_contract.facts import TOPICS, FactKey, fact_key
from vonggac_contract.finding import DOMAINS, SEVERITIES
from vonggac_contract.rule import (
    All,
    AnyOf,
    Compare,
    Condition,
    Count,
    Not,
    Operand,
    Operator,
    Parameter,
    ParameterDefinition,
    Quantify,
    Rule,
    Text,
    Value,
)

from .check import OPERATORS_BY_KIND, Misfit, fit
from .errors import Slips
from .source import Path_, Source
from .types import FieldType, field_type, fields_of, nearest
from .uses import ParameterUse, fit_parameter

OPERATORS: Final[tuple[str, ...]] = get_args(Operator)
QUANTIFIERS: Final = ("each", "any", "none", "count")
FAMILIES: Final = ("any", "debian", "redhat", "suse", "windows")
RULE_ID: Final = re.compile(r"(linux|windows)\.[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+")
_KEYS: Final = frozenset(
    ["id", "title", "why", "fix", "severity", "domain", "applies", "check", "parameters", "maps"]
)
PLATFORMS: Final = ("linux", "windows")
_PLATFORM: Final = "`applies` has `platform: linux` or `platform: windows`, and `when` if it has a condition"
_NO_PARAMETERS: Final = "the rule has none: write `parameters: {%s: {default: …, about: {vi: …, en: …}}}`"
_DEFINITION: Final = ("default", "about")
_REQUIRED: Final = ("id", "title", "why", "fix", "severity", "domain", "applies", "check", "maps")


class LoadedRule(msgspec.Struct, frozen=True):
    """A rule with what a profile needs to check the values it sets."""

    rule: Rule
    uses: tuple[ParameterUse, ...]
    source: Source


def load_rule(source: Source) -> LoadedRule:
    """Check one rule file's values. Raises RuleError with place and hint, for everything that is wrong at once."""
    return _Loader(source).rule()


class _Loader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.refuse = source.refuse
        self.slips = Slips()
        self.uses: list[ParameterUse] = []
        self.parameters: dict[str, Any] | None = {}
        """By name; None if they can't be told."""
        self.platform: Any = "linux"

    def rule(self) -> LoadedRule:
        top = self.mapping(self.source.value, ())
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

    def mapping(self, value: Any, path: Path_) -> dict[str, Any]:
        if not isinstance(value, dict):
            there = (
                "nothing" if value is None else "a list" if isinstance(value, list) else repr(str(value)[:60])
            )
            words = f"a mapping of keys and values belongs here, not {there}"
            raise self.refuse(path, words, "write `key: value` lines, or {key: value}")
        return value

    def only(self, value: dict[str, Any], path: Path_, allowed: Any) -> None:
        self.source.check_keys(path, value, allowed)

    def word(self, value: Any, path: Path_, allowed: tuple[str, ...]) -> str:
        if value not in allowed:
            raise self.refuse(
                path, f"{value!r} is none of {', '.join(allowed)}", nearest(str(value), allowed)
            )
        return str(value)

    def text(self, value: Any, path: Path_) -> Text:
        both = self.mapping(value, path)
        slips = Slips()
        with slips:
            self.only(both, path, ("vi", "en"))
        for language in ("vi", "en"):
            if not isinstance(both.get(language), str) or not both[language].strip():
                words = f"the text in {language!r} is missing"
                slips.add(self.refuse((*path, language), words, "write both vi and en"))
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
            entry = self.mapping(body, path)
            self.source.check_keys(
                path, entry, _DEFINITION, _DEFINITION, "write `default:` and `about: {vi, en}`"
            )
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

    def condition(self, value: Any, path: Path_, element: FieldType | None, *, top_level: bool) -> Condition:
        body = self.mapping(value, path)
        for word, kind in (("all", All), ("any", AnyOf)):
            if word in body and isinstance(body[word], list):
                self.only(body, path, {word})
                if not body[word]:
                    raise self.refuse((*path, word), f"{word!r} of nothing", "name at least one condition")
                inner = top_level and word == "all"
                parts = []
                for i, part in enumerate(body[word]):
                    with self.slips:
                        parts.append(self.condition(part, (*path, word, i), element, top_level=inner))
                return kind(tuple(parts))
        if "not" in body:
            self.only(body, path, {"not"})
            return Not(self.condition(body["not"], (*path, "not"), element, top_level=False))
        return self.leaf(body, path, element, top_level=top_level)

    def leaf(
        self, body: dict[str, Any], path: Path_, element: FieldType | None, *, top_level: bool
    ) -> Condition:
        words = {"fact", "field", "where", "score", *OPERATORS, *QUANTIFIERS}
        if "fact" not in body and element is None:
            self.only(body, path, words | {"all", "not"})
        key, selector_keys = self.key(body, path, element)
        quantifier = [q for q in QUANTIFIERS if q in body]
        operators = [o for o in OPERATORS if o in body]
        self.only(body, path, words | set(selector_keys))
        field = self.field(body, path, key)
        found = self.found(key, field, path, element)
        if len(quantifier) + len(operators) != 1:
            there = ", ".join([*operators, *quantifier]) or "none"
            usable = (*OPERATORS_BY_KIND[found.kind], *(QUANTIFIERS if found.kind == "list" else ()))
            hint = f"the field is {found}: it takes {', '.join(usable)}"
            if not field and found.struct is not None:
                hint = f"write {{field: …, equals: …}}; {nearest('', fields_of(found.struct))}"
            raise self.refuse(path, f"a comparison has one operator or one quantifier; here is {there}", hint)
        if operators:
            for word in ("where", "score"):
                if word in body:
                    raise self.refuse(
                        (*path, word),
                        f"{word!r} goes with a quantifier",
                        "write it beside each, any, none or count",
                    )
            operator = operators[0]
            operand = self.operand(body[operator], found, operator, (*path, operator))
            return Compare(key, field, operator, operand)  # type: ignore[arg-type]
        return self.quantify(quantifier[0], key, field, found, body, path, top_level=top_level)

    def key(
        self, body: dict[str, Any], path: Path_, element: FieldType | None
    ) -> tuple[FactKey | None, tuple[str, ...]]:
        if "fact" not in body:
            if element is None:
                raise self.refuse(path, "no fact is named", "write `fact: <topic>`")
            return None, ()
        if element is not None:
            raise self.refuse(
                (*path, "fact"), "inside a quantifier only the element's fields can be asked",
                "name the field alone; join conditions on other facts with `all` outside",
            )  # fmt: skip
        name = body["fact"]
        topic = TOPICS.get(name) if isinstance(name, str) else None
        if topic is None:
            raise self.refuse((*path, "fact"), f"no fact is called {name!r}", nearest(str(name), TOPICS))
        if self.platform not in topic.platforms:
            usable = [n for n, t in TOPICS.items() if self.platform in t.platforms]
            raise self.refuse((*path, "fact"), f"{name} is no fact of {self.platform}", nearest(name, usable))
        selector: dict[str, str] = {}
        for part in topic.selector:
            if part not in body:
                self.only(
                    body, path, {"fact", "field", "where", "score", *topic.selector, *OPERATORS, *QUANTIFIERS}
                )
                raise self.refuse(path, f"{name} needs {part!r}", f"write `{part}: …`")
            if not isinstance(body[part], str):
                raise self.refuse(
                    (*path, part), f"{part!r} takes a text, not {body[part]!r}", "put it in quotes"
                )
            words = topic.choices.get(part, ())
            if words and body[part] not in words:
                raise self.refuse(
                    (*path, part), f"{body[part]!r} is none of {', '.join(words)}", nearest(body[part], words)
                )
            selector[part] = body[part]
        slip = topic.misfit(selector) if topic.misfit is not None else None
        if slip is not None:
            raise self.refuse((*path, slip[0]), *slip[1:])
        try:
            return fact_key(name, selector), topic.selector
        except UnknownFact as e:
            raise self.refuse(path, str(e)) from e

    def field(self, body: dict[str, Any], path: Path_, key: FactKey | None) -> str:
        field = body.get("field")
        if field is None:
            topic = TOPICS[key.topic] if key is not None else None
            if topic is not None and topic.main is None:
                hint = f"write `field: …`; {nearest('', fields_of(topic.value))}"
                raise self.refuse(path, f"{topic.name} has no main field", hint)
            return "" if topic is None or topic.main is None else topic.main
        if not isinstance(field, str) or not field:
            raise self.refuse(
                (*path, "field"), "a field is a name, or names joined by dots", "write `field: name`"
            )
        return field

    def found(self, key: FactKey | None, field: str, path: Path_, element: FieldType | None) -> FieldType:
        if key is None and not field and element is not None:
            return element
        struct = TOPICS[key.topic].value if key is not None else (element.struct if element else None)
        if struct is None:
            raise self.refuse(
                (*path, "field"), f"the element is a {element} and has no fields", "drop `field`"
            )
        try:
            return field_type(struct, field)
        except LookupError as e:
            raise self.refuse((*path, "field"), *e.args) from e

    def operand(self, value: Any, found: FieldType, operator: str, path: Path_) -> Operand:
        if isinstance(value, str) and value.startswith("${") and value.endswith("}"):
            name = value[2:-1]
            if self.parameters is not None and name not in self.parameters:
                hint = nearest(name, self.parameters) if self.parameters else _NO_PARAMETERS % name
                raise self.refuse(path, f"no parameter {name!r}", hint)
            self.uses.append(ParameterUse(name, found, operator))
            return Parameter(name)
        try:
            return Value(fit(found, operator, value))
        except Misfit as e:
            raise self.refuse(path, str(e), e.hint) from e

    def quantify(
        self,
        quantifier: str,
        key: FactKey | None,
        field: str,
        found: FieldType,
        body: dict[str, Any],
        path: Path_,
        *,
        top_level: bool,
    ) -> Quantify | Count:
        if found.kind != "list" or found.element is None:
            usable = ", ".join(OPERATORS_BY_KIND[found.kind])
            raise self.refuse(
                (*path, quantifier),
                f"{quantifier!r} goes over a list; the field is {found}",
                f"it takes {usable}",
            )
        where = None
        if "where" in body:
            with self.slips:
                where = self.condition(body["where"], (*path, "where"), found.element, top_level=False)
        if "score" in body:
            self.word(body["score"], (*path, "score"), ("fraction",))
            if quantifier != "each" or not top_level:
                raise self.refuse(
                    (*path, "score"),
                    "a fraction goes with `each`, at the top of the check or in its outermost `all`",
                    "drop `score`, or ask `each`",
                )
        inner = self.mapping(body[quantifier], (*path, quantifier))
        if quantifier == "count":
            return self.count(inner, key, field, where, (*path, quantifier))
        check = self.condition(inner, (*path, quantifier), found.element, top_level=False)
        return Quantify(key, field, quantifier, check, where, "score" in body)  # type: ignore[arg-type]

    def count(
        self, body: dict[str, Any], key: FactKey | None, field: str, where: Condition | None, path: Path_
    ) -> Count:
        numeric = ("equals", "at_least", "at_most", "between")
        self.only(body, path, numeric)
        if len(body) != 1:
            raise self.refuse(path, "count takes one comparison", "one of " + ", ".join(numeric))
        operator, value = next(iter(body.items()))
        operand = self.operand(value, FieldType("int"), operator, (*path, operator))
        return Count(key, field, operator, operand, where)  # type: ignore[arg-type]
