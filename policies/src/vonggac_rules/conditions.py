"""Conditions as rules write them, checked: every fact declared, every field there, every value of a fitting type."""

from __future__ import annotations

from typing import Any, Final, get_args

from vonggac_contract.errors import UnknownFact
from vonggac_contract.facts import TOPICS, FactKey, Topic, fact_key
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
    Quantify,
    Value,
)  # fmt: skip

from .check import OPERATORS_BY_KIND, Misfit, fit
from .errors import Slips
from .source import Path_, Source
from .types import FieldType, close, field_type, fields_of, nearest
from .uses import ParameterUse

OPERATORS: Final[tuple[str, ...]] = get_args(Operator)
QUANTIFIERS: Final = ("each", "any", "none", "count")
_NO_PARAMETERS: Final = "the rule has none: write `parameters: {%s: {default: …, about: {vi: …, en: …}}}`"
_WORDS: Final = ("fact", "field", "where", "score", *OPERATORS, *QUANTIFIERS)
_COMPARISON: Final = "write {fact: …, field: …, equals: …}, or another comparison"
_ELEMENT: Final = "write {field: …, equals: …}, or another comparison of the list's elements"
_JOINED: Final = " beside `any`, or `any: [{…}, {…}]` to join conditions"


class Conditions:
    """Reads the conditions of one rule; `uses` is what they compare parameters with."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.refuse = source.refuse
        self.slips = Slips()
        self.uses: list[ParameterUse] = []
        self.parameters: dict[str, Any] | None = {}
        """By name; None if they can't be told."""
        self.platform: Any = "linux"

    def mapping(self, value: Any, path: Path_, hint: str = "") -> dict[str, Any]:
        if not isinstance(value, dict):
            there = (
                "nothing" if value is None else "a list" if isinstance(value, list) else repr(str(value)[:60])
            )
            words = f"a mapping of keys and values belongs here, not {there}"
            raise self.refuse(path, words, hint or "write `key: value` lines, or {key: value}")
        return value

    def only(self, value: dict[str, Any], path: Path_, allowed: Any) -> None:
        self.source.check_keys(path, value, allowed)

    def word(self, value: Any, path: Path_, allowed: tuple[str, ...]) -> str:
        if value not in allowed:
            raise self.refuse(
                path, f"{value!r} is none of {', '.join(allowed)}", nearest(str(value), allowed)
            )
        return str(value)

    def condition(self, value: Any, path: Path_, element: FieldType | None, *, top_level: bool) -> Condition:
        many = isinstance(value, list)
        body = self.mapping(value, path, "join them: `all: […]` or `any: […]`" if many else _COMPARISON)
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
        if "all" in body:
            hint = "write `all: [{…}, {…}]`; every element of a list is asked by `each`"
            raise self.refuse((*path, "all"), "'all' joins a list of conditions", hint)
        if "not" in body:
            self.only(body, path, {"not"})
            return Not(self.condition(body["not"], (*path, "not"), element, top_level=False))
        return self.leaf(body, path, element, top_level=top_level)

    def leaf(
        self, body: dict[str, Any], path: Path_, element: FieldType | None, *, top_level: bool
    ) -> Condition:
        words = set(_WORDS)
        if "fact" not in body and element is None:
            self.only(body, path, words | {"all", "not"})
        self.check_fields(body, path, element, words)
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
                hint = "write `fact: <topic>`" + _JOINED * ("any" in body)
                raise self.refuse(path, "no fact is named", hint)
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
        self.check_selector(body, path, topic)
        selector: dict[str, str] = {}
        for part in topic.selector:
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

    def check_selector(self, body: dict[str, Any], path: Path_, topic: Topic) -> None:
        """Raises RuleError if a part of the selector is missing, and for the key that may be meant by one."""
        missing = [part for part in topic.selector if part not in body]
        if not missing:
            return
        slips, known = Slips(), {*_WORDS, *topic.selector}
        with slips:
            self.only(body, path, known)
        for part in missing:
            if not close(part, [key for key in body if key not in known]):
                slips.add(self.refuse(path, f"{topic.name} needs {part!r}", f"write `{part}: …`"))
        slips.settle()

    def check_fields(
        self, body: dict[str, Any], path: Path_, element: FieldType | None, words: set[str]
    ) -> None:
        """Raises RuleError for a field that is written as a key."""
        topic = TOPICS.get(body["fact"]) if isinstance(body.get("fact"), str) else None
        struct = topic.value if topic is not None else None if element is None else element.struct
        fields = {} if struct is None else fields_of(struct)
        for key in body:
            if key in fields and key not in words and (topic is None or key not in topic.selector):
                hint = f"write {{field: {key}, equals: …}}, or another comparison"
                raise self.refuse((*path, key), f"{key!r} is a field and no key", hint)

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
        hint = "write {at_most: 3}, or another comparison" if quantifier == "count" else _ELEMENT
        inner = self.mapping(body[quantifier], (*path, quantifier), hint)
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
