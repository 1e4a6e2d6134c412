"""Hellos made by hand are well-formed, and any answer is read within its bounds or refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac_agent.tls import hello
from vonggac_agent.tls.hello import Answer, NotTls, Version
from vonggac_agent.tls.suites import SUITES, name_of

RANDOM = bytes(range(32))
BY_HAND: list[Version] = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"]


def record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    return bytes([kind]) + version.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def server_hello(version: int = 0x0303, suite: int = 0xC02F, session: bytes = b"") -> bytes:
    body = version.to_bytes(2, "big") + bytes(32) + bytes([len(session)]) + session
    return message(2, body + suite.to_bytes(2, "big") + b"\0")


def certificates(*ders: bytes) -> bytes:
    listed = b"".join(len(der).to_bytes(3, "big") + der for der in ders)
    return message(11, len(listed).to_bytes(3, "big") + listed)


@pytest.mark.parametrize("version", BY_HAND)
def test_a_hello_holds_its_version_its_random_bytes_and_every_suite(version: Version) -> None:
    made = hello.client_hello(version, RANDOM)
    assert made[0] == 22
    assert int.from_bytes(made[3:5], "big") == len(made) - 5
    assert made[5] == 1
    assert int.from_bytes(made[6:9], "big") == len(made) - 9
    assert int.from_bytes(made[9:11], "big") == hello.VERSIONS[version]
    assert made[11:43] == RANDOM
    length = int.from_bytes(made[44:46], "big")
    suites = [int.from_bytes(made[46 + n : 48 + n], "big") for n in range(0, length, 2)]
    assert suites == [*SUITES, 0x00FF]
    assert (len(made) > 48 + length) is (version != "SSLv3")  # SSL 3.0 knows no extensions


@pytest.mark.parametrize(("version", "random"), [("TLSv1.3", RANDOM), ("TLSv1.2", b"short")])
def test_a_hello_that_cannot_be_made_is_refused(version: Version, random: bytes) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        hello.client_hello(version, random)


def test_a_whole_answer_gives_version_suite_and_certificates() -> None:
    handshake = server_hello(session=bytes(32)) + certificates(b"leaf", b"issuer")
    assert hello.answer(record(22, handshake)) == Answer("TLSv1.2", 0xC02F, None, (b"leaf", b"issuer"))


def test_messages_may_lie_across_records_and_records_across_reads() -> None:
    handshake = server_hello() + certificates(b"leaf" * 100)
    received = b"".join(record(22, handshake[n : n + 7]) for n in range(0, len(handshake), 7))
    for end in range(1, len(received)):
        assert hello.answer(received[:end]) is None
    told = hello.answer(received)
    assert told is not None
    assert told.certificates == (b"leaf" * 100,)


def test_a_hello_without_a_certificate_ends_with_its_done() -> None:
    assert hello.answer(record(22, server_hello(0x0301, 0x002F) + message(14, b""))) == Answer(
        "TLSv1", 0x002F, None, ()
    )


@pytest.mark.parametrize(("body", "alert"), [(b"\x02\x46", 70), (b"\x02\x28", 40), (b"\x01\x00", 0)])
def test_an_alert_is_an_answer(body: bytes, alert: int) -> None:
    assert hello.answer(record(21, body)) == Answer(None, None, alert, ())


def test_a_warning_is_passed_over() -> None:
    received = record(21, b"\x01\x70")
    assert hello.answer(received) is None
    assert hello.answer(received + record(22, server_hello() + message(14, b""))) is not None


@pytest.mark.parametrize(
    "received",
    [
        b"S",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"220 mail ESMTP\r\n",
        b"\x16\x02\x00",
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x01\x00\x00",
        b"\x17\x03\x03\x00\x05hello",
        record(22, message(1, bytes(40))),
        record(22, bytes(20)),
    ],
)
def test_bytes_that_are_no_tls_are_known_as_such(received: bytes) -> None:
    with pytest.raises(NotTls, match=r"record|handshake"):
        hello.answer(received)


@pytest.mark.parametrize(
    "handshake",
    [
        message(2, bytes(34)),
        message(2, b"\x03\x09" + bytes(36)),
        message(2, b"\x03\x03" + bytes(32) + b"\xff\0\0"),
        server_hello() + message(11, b"\0\0\x09\0\0\x05abc"),
        server_hello() + message(11, b"\0\0\x06\0\0\x09abc"),
        server_hello() + message(11, b"\0\0\x03\0\0\0"),
        server_hello() + b"\x0b\xff\xff\xff",
    ],
)
def test_tls_that_breaks_its_own_form_is_refused(handshake: bytes) -> None:
    with pytest.raises(ValueError, match=r"ServerHello|certificate|message of"):
        hello.answer(record(22, handshake))


def test_the_length_of_one_message_is_bounded_before_it_has_come() -> None:
    just_fits = b"\x0b" + hello.MAX_MESSAGE.to_bytes(3, "big")
    assert hello.answer(record(22, server_hello() + just_fits)) is None
    with pytest.raises(ValueError, match=f"message of {hello.MAX_MESSAGE + 1} bytes"):
        hello.answer(record(22, server_hello() + b"\x0b" + (hello.MAX_MESSAGE + 1).to_bytes(3, "big")))


def test_the_length_of_an_answer_is_bounded() -> None:
    filler = record(21, b"\x01\x70") * (hello.MAX_ANSWER // 7)
    filler += (record(21, b"\x01\x70") * 2)[: hello.MAX_ANSWER - len(filler)]
    assert len(filler) == hello.MAX_ANSWER
    assert hello.answer(filler) is None
    with pytest.raises(ValueError, match=f"over {hello.MAX_ANSWER} bytes"):
        hello.answer(bytes(hello.MAX_ANSWER + 1))


def test_what_was_said_before_a_fault_is_still_seen() -> None:
    received = record(22, server_hello(0x0302, 0x000A) + b"\x0b\xff\xff\xff")
    assert hello.hello_seen(received) == Answer("TLSv1.1", 0x000A, None, ())
    assert hello.hello_seen(record(22, server_hello()[:20])) is None


@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_raise_anything_but_value_error(received: bytes) -> None:
    for read in (hello.answer, hello.hello_seen):
        try:
            read(received)
        except ValueError:
            continue


@given(st.data())
def test_no_mutation_of_a_good_answer_does_either(data: st.DataObject) -> None:
    good = bytearray(record(22, server_hello() + certificates(b"leaf" * 10, b"more")))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        told = hello.answer(bytes(good))
    except ValueError:
        return
    assert told is None or sum(map(len, told.certificates)) <= len(good)


def test_suites_have_one_name_each() -> None:
    assert len(set(SUITES.values())) == len(SUITES)
    assert name_of(0xC02F) == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    assert name_of(0xFEFE) == "0xFEFE"
