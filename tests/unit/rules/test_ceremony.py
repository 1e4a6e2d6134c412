"""The ceremony: three people, two of whom sign the root, on a machine without a network; nothing is in force before."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.unit.agent.twin import rulebook_bytes
from tuf.api.metadata import Root, Targets

from vonggac_rules import repository
from vonggac_rules.cli import main

pytestmark = pytest.mark.policy
PASSPHRASE = "mot-cau-kho-doan"
PEOPLE = ("an", "binh", "chi", "dung", "em")


class Room:
    """A machine without a network, with a key of each person and the collector's public one."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.repository = folder / "policy"
        self.phrase = folder / "phrase"
        self.phrase.write_text(PASSPHRASE + "\n")
        self.phrase.chmod(0o600)
        for name in (*PEOPLE, "online"):
            assert self.run("key", str(self.key(name)), "--passphrase-file", str(self.phrase))[0] == 0

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def pub(self, *names: str) -> list[str]:
        return [f"{self.key(name)}.pub" for name in names]

    def keyid(self, name: str) -> str:
        key: Any = load_pem_private_key(self.key(name).read_bytes(), PASSPHRASE.encode())
        return repository.key_of(key.public_key()).keyid

    def run(self, *words: str) -> tuple[int, str, str]:
        code = main(["repository", *words])
        out, err = self._capsys.readouterr()
        return code, out, err

    def ask(self, word: str, *more: str) -> tuple[int, str, str]:
        return self.run(word, str(self.repository), *more)

    def sign(self, name: str, *, yes: bool = True) -> tuple[int, str, str]:
        words = ("--key", str(self.key(name)), "--passphrase-file", str(self.phrase))
        return self.ask("sign", *words, *(("--yes",) if yes else ()))

    def begun(self) -> None:
        code, _, _ = self.ask(
            "init", "--root", *self.pub("an", "binh", "chi"), "--targets", *self.pub("dung"), "--online",
            *self.pub("online"),
        )  # fmt: skip
        assert code == 0
        for name in ("an", "binh", "dung"):
            self.sign(name)
        assert self.shown()["drafts"] == []

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.ask("show", "--json")[1])
        return found

    def files(self) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in (self.repository / "metadata").glob("*.json")}

    def book(self, version: str) -> tuple[str, str]:
        """A file, and its digest."""
        path = self.folder / f"book-{version}.json"
        path.write_bytes(rulebook_bytes(version))
        return str(path), hashlib.sha256(rulebook_bytes(version)).hexdigest()


@pytest.fixture
def room(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Room:
    return Room(tmp_path, capsys)


def test_a_repository_is_in_force_when_two_of_three_signed_the_root_and_one_the_targets(room: Room) -> None:
    code, _, _ = room.ask(
        "init", "--root", *room.pub("an", "binh", "chi"), "--targets", *room.pub("dung"), "--online",
        *room.pub("online"),
    )  # fmt: skip
    assert code == 0
    assert room.sign("an")[0] == 0
    assert room.files() == {}
    assert room.ask("show")[0] == 1
    assert room.sign("chi")[0] == 0
    assert room.files().keys() == {"1.root.json"}
    assert room.ask("show")[0] == 1
    assert room.sign("dung")[0] == 0
    assert room.ask("show")[0] == 0
    offline = repository.checked_offline(
        repository.roots_of(room.files()), room.files()["1.targets.json"], datetime.now(UTC)
    )
    assert offline.root.roles["root"].threshold == 2


def test_private_keys_are_encrypted_and_their_owners_alone(room: Room) -> None:
    for name in PEOPLE:
        assert room.key(name).stat().st_mode & 0o777 == 0o600
        with pytest.raises(TypeError, match="encrypted"):
            load_pem_private_key(room.key(name).read_bytes(), None)
    assert room.run("key", str(room.key("an")), "--passphrase-file", str(room.phrase))[0] == 2
    room.phrase.write_text("short")
    assert (
        "too short" in room.run("key", str(room.folder / "x.pem"), "--passphrase-file", str(room.phrase))[2]
    )
    room.phrase.chmod(0o644)
    assert (
        "others may read"
        in room.run("key", str(room.folder / "x.pem"), "--passphrase-file", str(room.phrase))[2]
    )
    assert not (room.folder / "x.pem").exists()


def test_the_wrong_passphrase_signs_nothing(room: Room) -> None:
    room.begun()
    room.ask("add", room.book("1")[0])
    room.phrase.write_text("mot-cau-khac-han")
    code, _, err = room.sign("dung")
    assert (code, "another passphrase" in err) == (2, True)
    assert room.shown()["drafts"][0]["waits"][0]["missing"] == 1


def test_rulebooks_are_added_and_dropped_by_the_targets_key_alone(room: Room) -> None:
    room.begun()
    (one, first), (two, second) = room.book("1"), room.book("2")
    room.ask("add", one)
    code, _, err = room.sign("an")
    assert (code, "no draft waits for key" in err) == (2, True)
    assert room.sign("dung")[0] == 0
    assert room.shown()["rulebooks"] == [first]
    room.ask("add", two, "--drop", first)
    assert room.shown()["rulebooks"] == [first]
    room.sign("dung")
    assert room.shown()["rulebooks"] == [second]
    assert (room.repository / "targets" / f"{first}.{first}.json").read_bytes() == rulebook_bytes("1")
    assert "do not vouch" in room.ask("add", "--drop", first)[2]


def test_what_is_no_rulebook_is_not_vouched_for(room: Room) -> None:
    room.begun()
    path = room.folder / "book.json"
    for raw in (b"", b"{}", b"[" * 1000, rulebook_bytes("1")[:-5]):
        path.write_bytes(raw)
        assert room.ask("add", str(path))[0] == 2
    assert room.shown()["drafts"] == []


def test_a_key_is_replaced_by_those_that_are_left(room: Room) -> None:
    room.begun()
    lost = room.keyid("chi")
    code, _, _ = room.ask("root", "--add", *room.pub("em"), "--remove", lost[:12])
    assert code == 0
    room.sign("em")
    room.sign("an")
    assert "1.root.json" in room.files()
    assert "2.root.json" not in room.files(), (
        "one of the keys before and one of the keys after are not enough"
    )
    room.sign("binh")
    root = repository.checked_roots(repository.roots_of(room.files()))
    assert root.version == 2
    assert set(root.roles["root"].keyids) == {room.keyid(n) for n in ("an", "binh", "em")}


def test_a_root_names_whom_each_side_still_waits_for(room: Room) -> None:
    room.ask(
        "init", "--root", *room.pub("em"), "--root-threshold", "1", "--targets", *room.pub("dung"), "--online",
        *room.pub("online"),
    )  # fmt: skip
    for name in ("em", "dung"):
        room.sign(name)
    people = ("an", "binh", "chi")
    words = ("--add", *room.pub(*people), "--remove", room.keyid("em"), "--root-threshold", "2")

    def named(*names: str) -> str:
        return ", ".join(k[:16] for k in sorted(map(room.keyid, names)))

    def told(out: str) -> list[str]:
        return [line for line in out.splitlines() if line.startswith(("draft", "  by"))]

    code, out, _ = room.ask("root", *words)
    draft = "draft of root version 2: still to be signed"
    before, new = f"  by the root before: 1 of {named('em')}", f"  by the new root: 2 of {named(*people)}"
    assert (code, told(out)) == (0, [draft, before, new])
    one_less = f"  by the new root: 1 of {named('an', 'chi')}"
    assert told(room.sign("binh")[1]) == [draft, before, one_less]
    assert told(room.sign("em")[1]) == [draft, one_less]
    assert room.shown()["drafts"][0]["waits"] == [
        {"by": "the new root", "missing": 1, "may_sign": sorted(map(room.keyid, ("an", "chi")))}
    ]
    code, out, _ = room.sign("chi")
    assert (code, told(out)) == (0, [])
    assert "2.root.json" in room.files()


def test_targets_that_were_signed_before_the_first_root_are_in_force_with_it(room: Room) -> None:
    room.ask(
        "init", "--root", *room.pub("an", "binh", "chi"), "--targets", *room.pub("dung"), "--online",
        *room.pub("online"),
    )  # fmt: skip
    assert "draft of targets version 1: signed; waits for the root" in room.sign("dung")[1]
    assert room.files() == {}
    room.sign("an")
    room.sign("binh")
    assert room.files().keys() == {"1.root.json", "1.targets.json"}
    assert room.shown()["drafts"] == []


@pytest.mark.parametrize("days", ["0", "-5", "3651", "9999999999"])
def test_what_would_be_over_at_once_or_never_is_not_drafted(days: str, room: Room) -> None:
    began = room.ask(
        "init", "--root", *room.pub("an", "binh", "chi"), "--targets", *room.pub("dung"), "--online",
        *room.pub("online"), "--days", days,
    )  # fmt: skip
    assert (began[0], "is not between 1 and 3650" in began[2]) == (2, True)
    room.begun()
    for word in ("root", "add"):
        code, _, err = room.ask(word, "--days", days)
        assert (code, "is not between 1 and 3650" in err) == (2, True)
    assert room.shown()["drafts"] == []


def test_three_turns_of_the_keys_lead_from_the_first_root_to_the_last(room: Room) -> None:
    room.begun()
    for number, (gone, new) in enumerate((("an", "dung"), ("binh", "em"), ("chi", "an")), 2):
        room.ask("root", "--add", *room.pub(new), "--remove", room.keyid(gone))
        for name in PEOPLE:
            if f"{number}.root.json" not in room.files():
                room.sign(name)
    root = repository.checked_roots(repository.roots_of(room.files()))
    assert (root.version, {*root.roles["root"].keyids}) == (4, {room.keyid(n) for n in ("dung", "em", "an")})


def test_the_collectors_stolen_online_key_is_replaced_in_a_root(room: Room) -> None:
    room.begun()
    room.ask("root", "--online", *room.pub("em"))
    for name in ("an", "binh"):
        room.sign(name)
    root = repository.checked_roots(repository.roots_of(room.files()))
    assert root.roles["timestamp"].keyids == root.roles["snapshot"].keyids == [room.keyid("em")]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--remove", "ALL"), "keys have to sign"),
        (("--root-threshold", "4"), "keys have to sign"),
        (("--online", "an"), "also one of root or targets"),
        (("--remove", "zz"), "0 keys begin with"),
    ],
)
def test_a_root_that_nobody_could_follow_is_not_drafted(words: tuple[str, str], why: str, room: Room) -> None:
    room.begun()
    flag, value = words
    given = [room.keyid("an"), room.keyid("binh")] if value == "ALL" else [value]
    if flag == "--online":
        given = room.pub(value)
    code, _, err = room.ask("root", flag, *given)
    assert (code, why in err) == (2, True), err
    assert room.shown()["drafts"] == []


def test_a_root_that_somebody_changed_in_the_folder_is_named(room: Room) -> None:
    room.begun()
    path = room.repository / "metadata" / "1.root.json"
    path.write_bytes(path.read_bytes().replace(b'"threshold":2', b'"threshold":1'))
    code, _, err = room.ask("show")
    assert (code, "not signed by enough" in err) == (2, True)


def test_renewing_moves_the_end_and_nothing_else(room: Room) -> None:
    room.begun()
    room.ask("root", "--days", "30")
    room.ask("add", "--days", "20")
    for name in ("an", "binh", "dung"):
        room.sign(name)
    now = datetime.now(UTC)
    root = repository.read(room.files()["2.root.json"], Root).signed
    targets = repository.read(room.files()["2.targets.json"], Targets).signed
    assert timedelta(days=29) < root.expires - now < timedelta(days=31)
    assert timedelta(days=19) < targets.expires - now < timedelta(days=21)
    assert "root version 2" in room.ask("show")[1]


@pytest.mark.parametrize("answer", ["", "no\n", "y\n", "Yes, of course\n"])
def test_nothing_is_signed_before_who_holds_the_key_saw_it_and_said_yes(
    room: Room, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    room.begun()
    path, digest = room.book("1")
    room.ask("add", path)
    before = room.files()
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    code, out, err = room.sign("dung", yes=False)
    assert (code, "targets version 2 was not signed" in err) == (2, True), err
    assert "targets version 2, until " in out
    assert f"  + rulebook {digest}" in out
    assert room.files() == before
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert room.sign("dung", yes=False)[0] == 0
    room.ask("add", "--drop", digest)
    assert f"  - rulebook {digest}" in room.sign("dung")[1]


def test_what_somebody_wrote_as_known_on_the_medium_is_shown_as_new_to_who_signs(room: Room) -> None:
    room.begun()
    path, digest = room.book("1")
    room.ask("add", path)
    draft = repository.read((room.repository / "draft" / "targets.json").read_bytes(), Targets)
    (room.repository / "metadata" / "9.targets.json").write_bytes(repository.to_bytes(draft))
    assert f"  + rulebook {digest}" in room.sign("dung")[1]


def test_who_signs_a_root_sees_whose_keys_come_and_go_and_how_many_have_to_sign(room: Room) -> None:
    room.begun()
    an, em = room.keyid("an"), room.keyid("em")
    room.ask("root", "--add", *room.pub("em"), "--remove", an, "--root-threshold", "3")
    out = room.sign("binh")[1]
    for line in (
        "root version 2, until ",
        "root: 3 of these have to sign, was 2",
        f"  + key {em}",
        f"  - key {an}",
    ):
        assert line in out
    assert f"    key {room.keyid('binh')}" in out
