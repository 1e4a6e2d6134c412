"""From a rule's YAML to a checked Rule: every fact declared, every field there, every value of a fitting type."""

from __future__ import annotations

import re
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
from .errors import RuleError
from .source import Path_, Source
from .types import FieldType, field_type, fields_of, nearest
from .uses import ParameterUse, fit_parameter

OPERATORS: Final[tuple[str, ...]] = get_args(Operator)
QUANTIFIERS: Final = ("each", "any", "none", "count")
FAMILIES: Final = ("any", "debian", "redhat", "suse", "windows")
_ID: Final = re.compile(r"(linux|windows)\.[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+")
_KEYS: Final = frozenset(
    ["id", "title", "why", "fix", "severity", "domain", "applies", "check", "parameters", "maps"]
)
_REQUIRED: Final = ("id", "title", "why", "fix", "severity", "domain", "applies", "check", "maps")


class LoadedRule(msgspec.Struct, frozen=True):
    """A rule with what a profile needs to check the values it sets."""

    rule: Rule
    uses: tuple[ParameterUse, ...]
    source: Source


def load_rule(source: Source) -> LoadedRule:
    """Check one rule file's values. Raises RuleError with place and hint."""
    return _Loader(source).rule()


class _Loader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.uses: list[ParameterUse] = []
        self.parameters: dict[str, Any] = {}
        self.platform = "linux"

    def refuse(self, path: Path_, message: str, hint: str | None = None) -> RuleError:
        return RuleError(self.source.place(path), message, hint=hint)

    def rule(self) -> LoadedRule:
        top = self.mapping(self.source.value, ())
        self.only(top, (), _KEYS)
        for key in _REQUIRED:
            if key not in top:
                raise self.refuse((), f"{key!r} is missing", "a rule has " + ", ".join(_REQUIRED))
        rule_id = top["id"]
        if not isinstance(rule_id, str) or not _ID.fullmatch(rule_id) or len(rule_id) > 120:
            raise self.refuse(
                ("id",), f"{rule_id!r} is no rule id", "write <platform>.<topic>.<name>, lower case"
            )
        applies = self.mapping(top["applies"], ("applies",))
        self.only(applies, ("applies",), {"platform", "when"})
        self.platform = self.word(applies.get("platform"), ("applies", "platform"), ("linux", "windows"))
        if not rule_id.startswith(self.platform + "."):
            raise self.refuse(
                ("id",), f"the id says another platform than {self.platform}",
                f"begin it with {self.platform}. or change `platform`",
            )  # fmt: skip
        definitions = self.definitions(top.get("parameters", {}))
        when = None
        if "when" in applies:
            when = self.condition(applies["when"], ("applies", "when"), None, top_level=False)
        check = self.condition(top["check"], ("check",), None, top_level=True)
        unused = set(definitions) - {u.name for u in self.uses}
        if unused:
            raise self.refuse(
                ("parameters", min(unused)), f"parameter {min(unused)!r} is used nowhere", "drop it"
            )
        for name in definitions:
            default = self.fitted(name, definitions[name].default, ("parameters", name, "default"))
            definitions[name] = msgspec.structs.replace(definitions[name], default=default)
        rule = Rule(
            id=rule_id,
            title=self.text(top["title"], ("title",)),
            why=self.text(top["why"], ("why",)),
            fix=self.fix(top["fix"]),
            severity=self.word(top["severity"], ("severity",), SEVERITIES),  # type: ignore[arg-type]
            domain=self.word(top["domain"], ("domain",), DOMAINS),  # type: ignore[arg-type]
            platform=self.platform,  # type: ignore[arg-type]
            when=when,
            check=check,
            parameters=definitions,
            maps=self.maps(top["maps"]),
        )
        return LoadedRule(rule, tuple(self.uses), self.source)

    def fitted(self, name: str, value: Any, path: Path_) -> Any:
        try:
            return fit_parameter(self.uses, name, value)
        except Misfit as e:
            raise self.refuse(path, str(e), e.hint) from e

    def mapping(self, value: Any, path: Path_) -> dict[str, Any]:
        if not isinstance(value, dict):
            there = "a list" if isinstance(value, list) else repr(str(value)[:60])
            words = f"a mapping of keys and values belongs here, not {there}"
            raise self.refuse(path, words, "write `key: value` lines, or {key: value}")
        return value

    def only(self, value: dict[str, Any], path: Path_, allowed: Any) -> None:
        for key in value:
            if key not in allowed:
                raise self.refuse((*path, key), f"no key {key!r} here", nearest(key, allowed))

    def word(self, value: Any, path: Path_, allowed: tuple[str, ...]) -> str:
        if value not in allowed:
            raise self.refuse(
                path, f"{value!r} is none of {', '.join(allowed)}", nearest(str(value), allowed)
            )
        return str(value)

    def text(self, value: Any, path: Path_) -> Text:
        both = self.mapping(value, path)
        self.only(both, path, {"vi", "en"})
        for language in ("vi", "en"):
            if not isinstance(both.get(language), str) or not both[language].strip():
                raise self.refuse(
                    (*path, language), f"the text in {language!r} is missing", "write both vi and en"
                )
        return Text(both["vi"].strip(), both["en"].strip())

    def fix(self, value: Any) -> dict[str, Text]:
        steps = self.mapping(value, ("fix",))
        if set(steps) <= {"vi", "en"}:
            return {"any": self.text(steps, ("fix",))}
        self.only(steps, ("fix",), FAMILIES)
        return {family: self.text(steps[family], ("fix", family)) for family in steps}

    def definitions(self, value: Any) -> dict[str, ParameterDefinition]:
        found: dict[str, ParameterDefinition] = {}
        for name, body in self.mapping(value, ("parameters",)).items():
            path: Path_ = ("parameters", name)
            entry = self.mapping(body, path)
            self.only(entry, path, {"default", "about"})
            if "default" not in entry:
                raise self.refuse(path, "the default is missing", "write `default:` and `about: {vi, en}`")
            found[name] = ParameterDefinition(
                entry["default"], self.text(entry.get("about"), (*path, "about"))
            )
        self.parameters = dict(found)
        return found

    def maps(self, value: Any) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, ids in self.mapping(value, ("maps",)).items():
            path: Path_ = ("maps", name)
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
                return kind(
                    tuple(
                        self.condition(v, (*path, word, i), element, top_level=inner)
                        for i, v in enumerate(body[word])
                    )
                )
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
            if name not in self.parameters:
                raise self.refuse(path, f"no parameter {name!r}", nearest(name, self.parameters))
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
