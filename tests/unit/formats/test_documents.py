"""JSON, YAML, TOML and XML: what their writers write reads as it was; traps are refused."""

import json
import time
from contextlib import suppress
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.formats import documents

TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=12)
SCALAR = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), TEXT)
VALUE = st.recursive(
    SCALAR, lambda v: st.lists(v, max_size=3) | st.dictionaries(TEXT, v, max_size=3), max_leaves=8
)
NAME = st.text(st.sampled_from("abcXYZ"), min_size=1, max_size=5)


@given(VALUE)
@thorough
def test_json_reads_as_it_was_written(value: Any) -> None:
    assert documents.parse_json(json.dumps(value)) == value


@given(VALUE)
@thorough
def test_yaml_reads_as_it_was_written(value: Any) -> None:
    class NoAliases(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    assert documents.parse_yaml(yaml.dump(value, Dumper=NoAliases, allow_unicode=True)) == value


@given(
    st.dictionaries(
        NAME, st.dictionaries(NAME, st.booleans() | st.integers(-99, 99) | TEXT, max_size=3), max_size=3
    )
)
@thorough
def test_toml_reads_as_it_was_written(tables: dict[str, dict[str, Any]]) -> None:
    written = "".join(
        f"[{name}]\n"
        + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in table.items())
        for name, table in tables.items()
    ).replace("\x7f", "")
    wanted = {
        n: {k: v.replace("\x7f", "") if isinstance(v, str) else v for k, v in t.items()}
        for n, t in tables.items()
    }
    assert documents.parse_toml(written) == wanted


Element = tuple[str, dict[str, str], list["Element"]]
ELEMENT: st.SearchStrategy[Element] = st.recursive(
    st.tuples(NAME, st.dictionaries(NAME, TEXT, max_size=2), st.just([])),
    lambda e: st.tuples(NAME, st.dictionaries(NAME, TEXT, max_size=2), st.lists(e, max_size=3)),
    max_leaves=8,
)


def as_xml(element: Element) -> str:
    name, attributes, children = element
    head = " ".join([name, *(f"{k}={quoteattr(v)}" for k, v in attributes.items())])
    return f"<{head}>{escape('')}{''.join(map(as_xml, children))}</{name}>"


def as_value(element: Element) -> dict[str, Any]:
    _, attributes, children = element
    value: dict[str, Any] = {f"@{k}": v for k, v in attributes.items()}
    for child in children:
        value.setdefault(child[0], []).append(as_value(child))
    return value


@given(ELEMENT)
@thorough
def test_xml_reads_as_it_was_written(element: Element) -> None:
    assert documents.parse_xml(as_xml(element)) == {element[0]: as_value(element)}


PARSERS = (documents.parse_json, documents.parse_yaml, documents.parse_toml, documents.parse_xml)


@pytest.mark.parametrize("parse", PARSERS)
@given(text=st.text(st.sampled_from("ab1:,.=-[]{}<>\"'&!*#\n \t/?%\x00é"), max_size=60))
@thorough
def test_any_text_is_read_or_refused_by_a_value_error(parse: Any, text: str) -> None:
    with suppress(ValueError):
        parse(text)


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "part", ["[", "{", "<a>", "- ", '"', "a: [1,2]\n", "a=1\n", " ", "a.", "[a.b]\n", "a = [\n", "&a [", "? "]
)
def test_two_megabytes_of_anything_cost_less_than_a_second(parse: Any, part: str) -> None:
    text = part * (2_000_000 // len(part))
    began = time.process_time()
    with suppress(ValueError):
        parse(text)
    assert time.process_time() - began < 1 * slowness()


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("parse", "text", "why"),
    [
        (documents.parse_xml, '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares entities"),
        (documents.parse_xml, "<a>" * 65 + "</a>" * 65, "deeper than 64"),
        (documents.parse_xml, '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a>&b;</a>', "undeclared entity"),
        (documents.parse_yaml, "a: &b 1\nc: *b", "an alias"),
        (documents.parse_yaml, "a: !!python/object/apply:os.system [ls]", "not YAML"),
        (documents.parse_yaml, "[" * 100, "deeper than 64"),
        (documents.parse_toml, "a = " + "[" * 65 + "]" * 65, "nested deeper than 64"),
        (documents.parse_json, "[" * 65 + "]" * 65, "not JSON"),
        *((parse, " " * (documents.MAX_CHARACTERS + 1), "over 2097152 characters") for parse in PARSERS),
    ],
)
def test_traps_are_refused(parse: Any, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(text)


def test_an_encoding_that_the_document_claims_changes_nothing() -> None:
    assert documents.parse_xml('<?xml version="1.0" encoding="ISO-8859-1"?><a b="é"/>') == {"a": {"@b": "é"}}


def test_pointers() -> None:
    value = {"a": [{"b": 1, "c/d": 2}, {"b": 3}], "e": {"x": 4, "y": 5}}
    assert documents.at(value, "") == [value]
    assert documents.at(value, "/a/0/b") == [1]
    assert documents.at(value, "/a/b") == [1, 3]
    assert documents.at(value, "/a/*/b") == [1, 3]
    assert documents.at(value, "/a/0/c~1d") == [2]
    assert documents.at(value, "/e/*") == [4, 5]
    assert documents.at(value, "/no/such") == []
    assert documents.at(value, "/a/9") == []
    with pytest.raises(ValueError, match="no JSON pointer"):
        documents.at(value, "a")
