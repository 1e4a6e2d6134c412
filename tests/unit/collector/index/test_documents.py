"""Documents are made of whatever a machine sent, fit the schema, and name what they are about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.collector.index.machines import NOW, a_state, agent_id, fails

from vonggac_collector.index import schema
from vonggac_collector.index.document import documents, host_key
from vonggac_collector.index.documents import MAX_TEXT, identifier, iso
from vonggac_collector.search.fields import COMMON, FIELDS, ORDER, OWN
from vonggac_collector.search.query import KINDS

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
_ENTRY = st.dictionaries(
    st.sampled_from(
        (
            "port",
            "protocol",
            "address",
            "process",
            "certificate",
            "name",
            "uid",
            "subject",
            "not_after",
            "names",
        )
    ),
    _JSON,
)
_SECTION = _JSON | st.dictionaries(
    st.sampled_from(("packages", "sockets", "endpoints", "accounts", "administrators", "addresses")),
    st.lists(_ENTRY | st.lists(_JSON, max_size=5), max_size=4),
)
_PYTHON: dict[str, tuple[type, ...]] = {
    "keyword": (str, list),
    "shown": (str,),
    "text": (str,),
    "date": (str,),
    "long": (int,),
    "boolean": (bool,),
}


@pytest.mark.worlds
@given(st.dictionaries(st.sampled_from(("host", "packages", "sockets", "tls", "accounts")), _SECTION))
def test_whatever_a_machine_sends_its_documents_have_the_fields_and_types_of_the_schema(
    sections: dict[str, Any],
) -> None:
    state = a_state(failing=fails("linux.a"), sections=sections)
    made = documents(state)
    assert len({(d.room, d.id) for d in made}) == len(made)
    for document in made:
        for path, value in document.fields.items():
            kind = schema.OF_ROOM[document.room][path]
            assert isinstance(value, _PYTHON[kind])
            assert kind != "long" or not isinstance(value, bool)
            assert kind == "text" or all(
                len(v) <= MAX_TEXT for v in ([value] if isinstance(value, str) else [])
            )
        assert document.fields[schema.PATH] == ["vn"]


def test_documents_are_named_by_what_they_are_about_and_not_by_what_they_say() -> None:
    before = documents(a_state(failing=fails("linux.a", outcome="fail")))
    after = documents(a_state(ticket=9, failing=fails("linux.a", outcome="partial"), hostname="renamed"))
    assert (
        [d.id for d in before]
        == [d.id for d in after]
        == [agent_id(1), host_key(agent_id(1)) + identifier("findings", "linux.a")[:16]]
    )
    assert all(x.digest != y.digest for x, y in zip(before, after, strict=True))


def test_what_a_machine_names_twice_is_one_document() -> None:
    socket = {"protocol": "tcp", "port": 22, "address": "0.0.0.0", "process": "sshd"}
    assert len(documents(a_state(sections={"sockets": {"sockets": [socket, socket]}}))) == 2


def test_outcomes_are_told_in_the_words_of_ecs_as_well() -> None:
    for own, ecs in (("fail", "failure"), ("partial", "failure"), ("unknown", "unknown")):
        fields = documents(a_state(failing=fails("linux.a", outcome=own, severity="critical")))[1].fields
        assert (fields["event.outcome"], fields["vonggac.outcome"], fields["event.severity"]) == (ecs, own, 4)


def test_times_are_told_in_utc_with_milliseconds() -> None:
    assert iso(NOW) == "2026-11-26T03:00:00.123Z"
    assert iso(NOW + timedelta(microseconds=999)) == "2026-11-26T03:00:00.123Z"


def test_every_field_has_one_meaning_and_every_kind_an_order() -> None:
    for kind in KINDS:
        names = [f.name for f in (*COMMON, *OWN[kind])]
        assert len(set(names)) == len(names)
        assert FIELDS[kind][ORDER[kind].field].sorts
        types = {f.path: f.type for k in KINDS for f in OWN[k]}
        assert all(types[f.path] == f.type for f in OWN[kind])
