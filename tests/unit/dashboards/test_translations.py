"""Both languages say everything: no text outside the catalogues, no message without a translation."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from babel.messages.catalog import Catalog

from vonggac_dashboards.catalogue import lacking, messages, unused
from vonggac_dashboards.language import CODES, Language, read_catalogue
from vonggac_dashboards.rendering import environment

TEMPLATES = sorted(p.name for p in (files("vonggac_dashboards") / "templates").iterdir())
SAID_IN_BOTH = {
    "Tiếng Việt",
    "English",
    "vonggac-agent status",
    "vonggac-rules check policies",
    "Asia/Ho_Chi_Minh",
    "Vọng Gác",
}
"""Names: of the languages, each in itself, of a command, of a time zone, of the product."""
SPOKEN_ATTRIBUTES = {"title", "aria-label", "alt", "placeholder", "data-head", "data-done", "value", "label"}


def bare_text(source: str) -> list[str]:
    """Letters that a template would show without asking the catalogue."""
    pieces, inside = list[str](), False
    for _, kind, value in environment("vi").lex(source):
        if kind in ("variable_begin", "block_begin", "comment_begin"):
            inside = True
        elif kind in ("variable_end", "block_end", "comment_end"):
            inside = False
            pieces.append("0")
        elif kind == "data" and not inside:
            pieces.append(value)
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            found.append(data.strip())

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value or "" for name, value in attrs if name in SPOKEN_ATTRIBUTES)

    reader = Reader()
    reader.feed("".join(pieces))
    reader.close()
    shown = [re.sub("|".join(map(re.escape, SAID_IN_BOTH)), "", text) for text in found]
    return [text for text in shown if re.search(r"[^\W\d_]", text)]


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_holds_visible_text_outside_the_catalogues(name: str) -> None:
    source = (files("vonggac_dashboards") / "templates" / name).read_text("utf-8")
    assert bare_text(source) == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_says_a_literal_that_is_not_a_message(name: str) -> None:
    source = (files("vonggac_dashboards") / "templates" / name).read_text("utf-8")
    spoken = re.findall(r'\{\{\s*"([^"]*[^\W\d_]{2}[^"]*)"(?!\s*\|)', source)
    assert [s for s in spoken if s not in SAID_IN_BOTH] == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_count_of_machines_in_a_sentence_is_written_as_other_numbers_are(name: str) -> None:
    """Lists that a page holds whole are short."""
    source = (files("vonggac_dashboards") / "templates" / name).read_text("utf-8")
    said = re.findall(
        r'ngettext\("[^"]*%\(num\)s[^"]*", "[^"]*", ((?:view|failure|fix)\.[^|)]*?)[,)]', source
    )
    assert [n for n in said if f"{n}, num={n}|number" not in source] == []


def test_visible_text_outside_the_catalogues_would_be_found() -> None:
    assert bare_text("<p>{{ _('a') }} hello</p>") == ["0 hello"]
    assert bare_text('<a title="hello">{% if x %}{% endif %}</a>') == ["hello"]


@pytest.mark.parametrize("code", CODES)
def test_every_message_has_a_translation(code: str) -> None:
    assert lacking(read_catalogue(code), messages()) == []


@pytest.mark.parametrize("code", CODES)
def test_no_catalogue_holds_what_nothing_shows(code: str) -> None:
    assert unused(read_catalogue(code), messages()) == []


@pytest.mark.parametrize("code", CODES)
def test_translations_keep_the_places_for_values(code: str) -> None:
    for message in read_catalogue(code):
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        said = message.string
        for form in [said] if isinstance(said, str) else list(said or ()):
            if message.id:
                assert set(re.findall(r"%\(\w+\)s|%%", str(form))) == set(
                    re.findall(r"%\(\w+\)s|%%", ids[-1])
                )


def test_a_missing_or_doubtful_translation_would_be_found() -> None:
    catalogue = Catalog()
    catalogue.add("kept", "giữ")
    catalogue.add("doubtful", "ngờ", flags=["fuzzy"])
    catalogue.add(("one", "many"), ("một", ""))
    wanted: set[str | tuple[str, str]] = {"kept", "doubtful", "gone", ("one", "many")}
    assert set(lacking(catalogue, wanted)) == {"doubtful", "gone", ("one", "many")}


def test_plurals_follow_the_language() -> None:
    english, vietnamese = (Language(c, read_catalogue(c)) for c in ("en", "vi"))
    assert english.ngettext("%(num)s host", "%(num)s hosts", 1) == "%(num)s host"
    assert english.ngettext("%(num)s host", "%(num)s hosts", 0) == "%(num)s hosts"
    assert vietnamese.ngettext("%(num)s host", "%(num)s hosts", 5) == "%(num)s máy"


def test_the_catalogues_differ_where_the_languages_do() -> None:
    english, vietnamese = (Language(c, read_catalogue(c)) for c in ("en", "vi"))
    same = [m for m in messages() if isinstance(m, str) and english.gettext(m) == vietnamese.gettext(m)]
    assert set(same) == {
        "Debian, Ubuntu",
        "Red Hat, AlmaLinux, Rocky",
        "SUSE",
        "Hoàng Sa",
        "Trường Sa",
        "Vọng Gác",
        "agent %(version)s",
    }
