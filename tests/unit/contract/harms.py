"""What may be done to a chain: each of `KINDS` is one way, at a place that chance draws."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import zlib
from collections.abc import Callable
from typing import Any, Final

from tests.unit.contract.chains import (
    AGENT,
    COLLECTOR,
    KEYS,
    NEIGHBOUR,
    OTHER,
    PLAIN,
    STRANGER,
    Doing,
    Made,
    Maker,
    content_of,
    sealed,
    signed_bytes,
)
from tests.unit.contract.second.chain import Epoch
from tests.unit.contract.second.form import HEARTBEAT, RECEIPT, REPORT, TYPE, digest_of_value

ODD: Final[list[Any]] = [
    None, True, False, 0, 1, -1, 2, 3, 2**53, 2**53 - 1, 1.0, 1.5, 1e300, -0.0, "", "x", "1", [], {}, [[]],
    {"x": 1}, "pass", "linux", "d" * 64, "D" * 64, "d" * 63, "d" * 65, "x" * 80, "x" * 81, "ở" * 120, "ở" * 121,
    "x" * 400, "x" * 401, "x" * 800, "x" * 801, "ở" * 4096, "ở" * 4097, [1] * 20, [1] * 21,
    "2026-11-23T08:15:02Z", "2026-11-23T08:15:02", "2026-11-23 08:15:02+0700", "2026-02-29T08:15:02Z",
    "2024-02-29t23:59:59.999999999z", "2026-11-23T23:59:60Z", "2026-11-23T24:00:00Z",
    "2026-11-23T08:15:02+24:00", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-11-23T08:15Z",
    "２026-11-23T08:15:02Z", "10000-01-01T00:00:00Z", AGENT, AGENT.upper(), OTHER, "critical", "not-applicable",
    "protection",
]  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in it with every key of it."""
    found: list[tuple[Any, Any]] = []
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        found += [(value, key), *places(value[key])]
    return found


def odd_somewhere(value: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """One value taken away, changed for an odd one, or an unknown one added."""
    holder, key = chance.choice(places(value))
    what = chance.randrange(8)
    if what == 0:
        del holder[key]
    elif what == 1 and isinstance(holder, dict):
        holder[chance.choice(("new", "evidence", "content", "digest", "notices"))] = chance.choice(ODD)
    else:
        holder[key] = chance.choice(ODD)
    return value


def odd_report(said: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same, with digests that say what is there."""
    odd_somewhere(said["report"] if chance.randrange(4) else said, chance)
    try:
        for section in said["report"]["sections"].values():
            if section.get("content") is not None and chance.randrange(4):
                section["digest"] = digest_of_value(section["content"])
        said["report"]["content"] = content_of(said["report"])
    except (KeyError, TypeError, AttributeError):
        pass
    if not isinstance(said.get("report"), dict):
        said["report"] = {"content": "0" * 64}
    return said


def other_place(said: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    name = chance.choice(
        [n for n in ("epoch", "sequence", "counter", "previous", "agent_id", "digest") if n in said]
    )
    before = said[name]
    said[name] = {
        "previous": chance.choice((None, "e" * 64, str(before).upper(), "0" * 64)),
        "agent_id": chance.choice((OTHER, AGENT.upper(), AGENT.replace("-", ""))),
        "digest": chance.choice(("e" * 64, str(before).upper())),
    }.get(
        name, chance.choice((int(before) + 1, int(before) - 1, 2**53, 0, -1)) if type(before) is int else None
    )
    return said


def reports_dropped(said: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """It says that some before it were dropped for want of room, as it may, or nearly so."""
    number, gone = said["sequence"], chance.randrange(1, 4)
    said["report"]["dropped"] = {
        "first": number + chance.choice((0, 0, 0, 0, -1, 1)),
        "last": number + gone - 1 + chance.choice((0, 0, 0, 0, -1, 1)),
        "previous": chance.choice((said["previous"], said["previous"], said["previous"], "e" * 64)),
    }
    return said | {
        "sequence": number + gone,
        "previous": chance.choice(("e" * 64, "e" * 64, said["previous"])),
    }


def a_section_without_a_name(said: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    said["report"]["sections"][chance.choice(("hosts", "", "Host", "x" * 50))] = {"digest": "5" * 64}
    said["report"]["content"] = content_of(said["report"])
    return said


def numbers(said: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A section of numbers that are written in more than one way."""
    power = 10.0 ** chance.randrange(-12, 24)
    content = [chance.random() * power, power, -power, int(min(power, 2**53)), chance.random()]
    said["report"]["sections"]["kernel"] = {"digest": digest_of_value(content), "content": content}
    said["report"]["content"] = content_of(said["report"])
    return said


def put_in(text: bytes) -> Callable[[bytes, random.Random], bytes]:
    """A member of that text, first in one of the objects."""

    def work(raw: bytes, chance: random.Random) -> bytes:
        at = chance.choice([n for n, c in enumerate(raw) if c == ord("{") and raw[n + 1 : n + 2] == b'"'])
        return raw[: at + 1] + text + b", " + raw[at + 1 :]

    return work


def twice(raw: bytes, chance: random.Random) -> bytes:
    """A member of the outermost object once more, its key perhaps written otherwise."""
    name, value = chance.choice(list(json.loads(raw).items()))
    key = json.dumps(name) if chance.randrange(2) else f'"\\u{ord(name[0]):04x}{name[1:]}"'
    return raw[:-1] + f", {key}: {json.dumps(value)}}}".encode()


def spaced(raw: bytes, chance: random.Random) -> bytes:
    """Nothing of it says anything else."""
    value = json.loads(raw)
    some = chance.sample(list(value), len(value))
    return (
        chance.choice((b"", b" \r\n\t"))
        + json.dumps({n: value[n] for n in some}, indent=chance.choice((1, None))).encode()
    )


def flipped(raw: bytes, chance: random.Random) -> bytes:
    made = bytearray(raw)
    made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    return bytes(made)


def cut(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw))
    return raw[:at] + raw[at + chance.randrange(1, 70) :]


DEPTHS: Final = [b'"x":' + b"[" * n + b"]" * n for n in (50, 61, 62, 63, 64, 65, 5000)]
LITERALS: Final = [
    b'"x":9007199254740992', b'"x":9007199254740993', b'"x":-9007199254740993', b'"x":12345678901234567890123',
    b'"x":1e308', b'"x":1e309', b'"x":-1e400', b'"x":12345678901234567890.5', b'"x":NaN', b'"x":Infinity', b'"x":01',
    b'"x":"\\u0000"', b'"x":"\\\\u0000"', b'"x":"\\ud800"', b'"x":"\\ud83d\\ude00"', b'"x":"\\udc00\\ud800"',
    b'"x":"\xff"', b'"x":"\xed\xa0\x80"', b'"x":"\x01"', b'"x":"\x7f"', b'"x":"\\x"', b'"x":1,"x":1',
    b'"x":{"y":1,"y":2}',     b'"x":.5', b'"x":1.', b'"x":+1', b'"x":tru', b'"x":\'y\'', b'/* */"x":1',
    b'"x":[1,]', b'"x":1e5', b'"x":-0',
]  # fmt: skip
ROUND: Final[list[Callable[[bytes], bytes]]] = [
    lambda r: b"\xef\xbb\xbf" + r, lambda r: r + b"x", lambda r: r + b"\0", lambda r: r + b"{}", lambda r: r[:-1],
    lambda r: b"[" + r + b"]", lambda r: r + b" \n", lambda r: b"", lambda r: b"null", lambda r: b"\x0c" + r,
    lambda r: r.decode().encode("utf-16"), lambda r: r.replace(b",", b",,", 1), lambda r: r.replace(b'"', b"'", 2),
]  # fmt: skip


def literal(raw: bytes, chance: random.Random) -> bytes:
    return put_in(chance.choice(LITERALS))(raw, chance)


def deep(raw: bytes, chance: random.Random) -> bytes:
    return put_in(chance.choice(DEPTHS))(raw, chance)


def around(raw: bytes, chance: random.Random) -> bytes:
    return chance.choice(ROUND)(raw)


def packings(_: bytes, raw: bytes) -> bytes:
    packed = gzip.compress(raw, 1, mtime=0)
    named = packed[:3] + b"\x08" + packed[4:10] + b"a name\0" + packed[10:]
    bomb = b" " * 70_000
    return random.Random(hashlib.sha256(raw).digest()).choice(
        [
            packed + b"x", packed + b"\0", packed + packed, packed + gzip.compress(b"", mtime=0), packed[:-1],
            packed[:-9], packed[:-8] + bytes(8), packed[:-8] + packed[-8:-4] + bytes(4), zlib.compress(raw), raw, b"",
            gzip.compress(raw, 0, mtime=0), gzip.compress(raw, 9, mtime=1_700_000_000), named,
            gzip.compress(raw + bomb[: 66_000 - len(raw)], 9, mtime=0), gzip.compress(raw + 3 * bomb, 9, mtime=0),
            gzip.compress(raw + 9 * bomb, 9, mtime=0), packed[:3] + b"\xe0" + packed[4:],
        ]
    )  # fmt: skip


def resealed(envelope: dict[str, Any], chance: random.Random, epoch: int) -> dict[str, Any]:
    """Signed by, or said to be signed by, somebody else, or as something else."""
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"]
    key = COLLECTOR if kind == RECEIPT else KEYS[epoch]
    wrong = chance.choice(
        (STRANGER, NEIGHBOUR, KEYS[3 - epoch], COLLECTOR if kind != RECEIPT else KEYS[epoch])
    )
    other = chance.choice(
        [
            k
            for k in (
                REPORT,
                HEARTBEAT,
                RECEIPT,
                TYPE.format("enrolment"),
                "application/json",
                "",
                kind.upper(),
            )
            if k != kind
        ]
    )
    right, theirs = envelope["signatures"][0], sealed(kind, payload, wrong)["signatures"][0]
    raw = base64.b64decode(right["sig"])
    signatures: list[list[Any]] = [
        [theirs], [theirs | {"keyid": right["keyid"]}], [right | {"keyid": theirs["keyid"]}], [right, theirs],
        [theirs, right], [right] * 4, [right] * 5, [], [right, right | {"sig": base64.b64encode(bytes(64)).decode()}],
        [right | {"sig": base64.b64encode(bytes(64)).decode()}, right], [right | {"keyid": right["keyid"].upper()}],
        [right | {"keyid": right["keyid"][:-1]}], [right | {"sig": base64.b64encode(raw[:-1]).decode()}],
        [right | {"sig": base64.b64encode(raw + b"x").decode()}], [right | {"cert": ""}], [{"keyid": right["keyid"]}],
        [{"sig": right["sig"]}], [right | {"sig": None}], [None], [right | {"sig": raw.hex()}],
        [right | {"sig": base64.b64encode(key.sign(payload)).decode()}],
        [right | {"sig": base64.b64encode(raw[:32] + bytes(32)).decode()}],
        [right | {"sig": base64.b64encode(key.sign(b"DSSEv1 " + signed_bytes(kind, payload))).decode()}],
    ]  # fmt: skip
    what = chance.randrange(6)
    if what == 0:
        return envelope | {"payloadType": other}
    if what == 1:
        return sealed(other, payload, key)
    return envelope | {"signatures": chance.choice(signatures)}


def rewritten(raw: bytes, chance: random.Random) -> bytes:
    """The envelope's own text in other ways."""
    value = json.loads(raw)
    payload, sig = value["payload"], value["signatures"][0]["sig"]
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = payload.rstrip("=")
    spare = body[:-1] + signs[signs.index(body[-1]) ^ 1] + payload[len(body) :]
    sig_spare = sig[:-3] + signs[signs.index(sig[-3]) ^ 1] + "=="
    made: dict[str, Any] = chance.choice(
        [
            value | {"payload": payload.replace("+", "-").replace("/", "_")}, value | {"payload": body},
            value | {"payload": payload + "\n"}, value | {"payload": payload[:8] + " " + payload[8:]},
            value | {"payload": payload + "===="}, value | {"payload": spare}, value | {"payload": ""},
            value | {"payload": None}, value | {"payload": list(payload[:9])},
            value | {"signatures": [value["signatures"][0] | {"sig": sig_spare}]},
            value | {"signatures": [value["signatures"][0] | {"sig": sig.rstrip("=")}]},
            value | {"signatures": value["signatures"][0]}, value | {"signatures": None}, value | {"extra": 1},
            {n: value[n] for n in ("payload", "signatures")}, {n: value[n] for n in ("payload", "payloadType")},
            {n: value[n] for n in ("signatures", "payload", "payloadType")}, value | {"payloadType": None},
        ]
    )  # fmt: skip
    return json.dumps(made).encode()


Order = Callable[[Made, random.Random], None]


def swapped(parts: Made, chance: random.Random) -> None:
    _, items = chance.choice(parts)
    a, b = chance.randrange(len(items)), chance.randrange(len(items))
    items[a], items[b] = items[b], items[a]


def dropped(parts: Made, chance: random.Random) -> None:
    _, items = chance.choice(parts)
    del items[chance.randrange(len(items))]


def replayed(parts: Made, chance: random.Random) -> None:
    """Of this epoch or of the other, at any later or earlier place."""
    item = chance.choice(chance.choice(parts)[1])
    _, items = chance.choice(parts)
    items.insert(chance.randrange(len(items) + 1), item)


def foreign(parts: Made, chance: random.Random) -> None:
    """A link or heartbeat of another chain of the same agent, under the same keys: a clone or a restored snapshot."""
    other = Maker(random.Random(chance.random())).parts
    number, items = chance.choice(parts)
    theirs = [item for n, some in other if n == number for item in some]
    if theirs:
        items.insert(chance.randrange(len(items) + 1), chance.choice(theirs))


def answers_swapped(parts: Made, chance: random.Random) -> None:
    _, items = chance.choice(parts)
    a, b = chance.randrange(len(items)), chance.randrange(len(items))
    items[a], items[b] = (
        items[a]._replace(receipt=items[b].receipt),
        items[b]._replace(receipt=items[a].receipt),
    )


def nothing_done(_: Made, __: random.Random) -> None:
    """A good chain."""


KINDS: Final[dict[str, Doing | Order]] = {
    "nothing": nothing_done,
    "swapped": swapped,
    "dropped": dropped,
    "replayed": replayed,
    "a fork": foreign,
    "answers swapped": answers_swapped,
    "an odd value": Doing(statement=odd_report),
    "an odd value, digests as they were": Doing(statement=lambda s, c: odd_somewhere(s["report"], c) and s),
    "another place": Doing(statement=other_place),
    "reports dropped": Doing(statement=reports_dropped),
    "an unknown section": Doing(statement=a_section_without_a_name),
    "numbers": Doing(statement=numbers),
    "literals": Doing(json=literal),
    "depth": Doing(json=deep),
    "a key twice": Doing(json=twice),
    "the statement in another form": Doing(json=spaced),
    "around the statement": Doing(json=around),
    "packing": Doing(packed=packings),
    "sealing": Doing(sealed=resealed),
    "text flipped": Doing(text=flipped),
    "text cut": Doing(text=cut),
    "text rewritten": Doing(text=rewritten),
    "text in another form": Doing(text=spaced),
    "around the text": Doing(text=around),
    "a key of the text twice": Doing(text=twice),
    "an odd heartbeat": Doing(beat=odd_somewhere),
    "another place of a heartbeat": Doing(beat=other_place),
    "literals in a heartbeat": Doing(**{"beat json": literal}),
    "around a heartbeat": Doing(**{"beat json": around}),
    "sealing of a heartbeat": Doing(**{"beat sealed": resealed}),
    "an odd receipt": Doing(receipt=odd_somewhere),
    "another place of a receipt": Doing(receipt=other_place),
    "literals in a receipt": Doing(**{"receipt json": literal}),
    "sealing of a receipt": Doing(**{"receipt sealed": resealed}),
    "a receipt flipped": Doing(**{"receipt text": flipped}),
    "a receipt rewritten": Doing(**{"receipt text": rewritten}),
}


def a_chain(kind: str, chance: random.Random) -> list[Epoch]:
    """One chain with that done to it, somewhere."""
    doing = KINDS[kind]
    made = Maker(chance, doing if isinstance(doing, Doing) else PLAIN)
    if not isinstance(doing, Doing):
        doing(made.parts, chance)
    return made.epochs()
