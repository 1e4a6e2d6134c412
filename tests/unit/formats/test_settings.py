"""INI files, assignments and directives: what a writer wrote, the parser reads."""

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.properties import thorough

from vonggac_agent.formats import assignments, directives, ini

NAME = st.text(st.sampled_from("abcXYZ019_-."), min_size=1, max_size=10)
VALUE = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20).map(str.strip)
SECTIONS = st.lists(st.tuples(NAME, st.lists(st.tuples(NAME, VALUE), max_size=5)), max_size=5)
NOISE = st.sampled_from(["", "# comment = no\n", "; [no]\n", "\n", "  \t\n"])


@given(SECTIONS, st.data())
@thorough
def test_an_ini_file_reads_as_it_was_written(
    sections: list[tuple[str, list[tuple[str, str]]]], data: st.DataObject
) -> None:
    written, wanted = "", []
    for section, entries in sections:
        written += f"{data.draw(NOISE)}[{section}]\n"
        for key, value in entries:
            written += f"{data.draw(NOISE)} {key} = {value}\n"
            wanted.append((section, key, value))
    assert [(e.section, e.key, e.value) for e in ini.parse(written)] == wanted


@given(st.lists(st.tuples(NAME, VALUE), max_size=8), st.sampled_from("= :"), st.data())
@thorough
def test_assignments_read_as_they_were_written(
    entries: list[tuple[str, str]], separator: str, data: st.DataObject
) -> None:
    entries = [(k, v) for k, v in entries if not (v[:1] and v[0] in "=:\"'")]
    written = "".join(f"{data.draw(NOISE).replace(';', '#')}{k}{separator}{v}\n" for k, v in entries)
    read = assignments.parse(written, separators="=:", blank=True)
    assert [(e.key, e.value) for e in read] == entries


@given(st.lists(st.tuples(NAME, VALUE), max_size=8))
@thorough
def test_a_shell_quoted_value_reads_as_it_was_written(entries: list[tuple[str, str]]) -> None:
    written = "".join(
        f'export {k}="{v}"  # why\n'
        for k, v in ((k, v.replace("\\", "\\\\").replace('"', '\\"')) for k, v in entries)
    )
    assert [(e.key, e.value) for e in assignments.parse(written, posix=True)] == entries


@given(st.lists(st.tuples(NAME, st.lists(VALUE, max_size=4)), max_size=6))
@thorough
def test_directives_read_as_they_were_written(entries: list[tuple[str, list[str]]]) -> None:
    clean = [(name, [a.replace('"', "") for a in arguments]) for name, arguments in entries]
    written = "".join(" ".join([name, *(f'"{a}"' for a in arguments)]) + "\n" for name, arguments in clean)
    read = directives.parse(written, fold=False)
    assert [(d.name, list(d.arguments)) for d in read] == clean


@given(st.text(max_size=300))
@thorough
def test_any_text_gives_settings_or_none(text: str) -> None:
    for entry in (
        *ini.parse(text, inline=True, fold=True, continuation="\\", delimiters="=:"),
        *assignments.parse(text, separators="=:", blank=True, inline=True, posix=True),
    ):
        assert entry.key
        assert 1 <= entry.line <= text.count("\n") + 1
    assert all(d.name for d in directives.parse(text, equals=True, inline=True, continuation="\\"))


def test_the_dialects() -> None:
    assert ini.parse("[A b]\nK:1=2\nalone\n", delimiters="=:") == [
        ("A b", "K", "1=2", 2),
        ("A b", "alone", "", 3),
    ]
    assert ini.parse("[G]\n Guest OK = Yes ; no comment\n", fold=True) == [
        ("g", "guest ok", "Yes ; no comment", 2)
    ]
    assert ini.parse("a = 1 ; why\nb = x;y\n", inline=True) == [("", "a", "1", 1), ("", "b", "x;y", 2)]
    assert ini.last(ini.parse("[s]\na=1\n[t]\na=2\n[s]\na=3"), "s", "a") == "3"
    assert ini.last([], "s", "a") is None
    assert assignments.parse("UMASK\t\t022\nX 'a b' # c", blank=True, inline=True) == [
        ("", "UMASK", "022", 1), ("", "X", "a b", 2),
    ]  # fmt: skip
    assert assignments.parse("export A=b\\ c d\n", posix=True) == [("", "A", "b c", 1)]
    assert assignments.parse("listen = '*' # all\n", inline=True) == [("", "listen", "*", 1)]
    assert directives.parse("Port=22\nMatch User a\n", equals=True) == [
        ("port", ("22",), 1),
        ("match", ("User", "a"), 2),
    ]
    assert directives.parse('Banner "a b" c')[0].value == "a b c"
