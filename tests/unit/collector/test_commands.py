"""`vonggac-collector` from the first command to a score, in a state folder of its own."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from tests.unit.collector.conftest import KEY
from tests.unit.collector.machines import Machine, a_rulebook

from vonggac_collector import cli
from vonggac_collector.cli import running
from vonggac_collector.cli.common import counted, show_table
from vonggac_collector.enrolment import enrol
from vonggac_collector.ingest.accept import accept
from vonggac_collector.instants import written
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_rules import cli as rules

Run = pytest.CaptureFixture[str]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Run) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(folder))
    monkeypatch.delenv("VONGGAC_LISTEN", raising=False)
    monkeypatch.setattr(running, "default_rulebook_bytes", a_rulebook)
    assert cli.main(["init", "--password-file", str(tmp_path / "password")]) == 0
    capsys.readouterr()
    return folder


def run(capsys: Run, *argv: str) -> str:
    assert cli.main(list(argv)) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_init_keeps_secrets_to_their_owner_and_leaves_alone_what_is_there(
    state: Path, tmp_path: Path, capsys: Run
) -> None:
    for file in (state / "collector.key", state / "ledger.db", tmp_path / "password"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = (state / "collector.key").read_bytes()
    assert len((tmp_path / "password").read_text().strip()) == 23
    assert "password" not in run(capsys, "init")
    assert (state / "collector.key").read_bytes() == key


def test_a_repository_is_carried_out_signed_by_people_and_served(
    state: Path, tmp_path: Path, capsys: Run
) -> None:
    shown = msgspec.json.decode(run(capsys, "policy", "show", "--json"))
    assert (shown["root"], shown["targets"], shown["own_keys"]) == (
        1, 1, ["policy-root.key", "policy-targets.key"]
    )  # fmt: skip
    place, book = tmp_path / "policy", tmp_path / "book.json"
    run(capsys, "policy", "export", str(place))
    (tmp_path / "phrase").write_text("mot-cau-kho-doan")
    (tmp_path / "phrase").chmod(0o600)
    key = ["--passphrase-file", str(tmp_path / "phrase")]
    for name in ("an", "binh"):
        assert rules.main(["repository", "key", str(tmp_path / name), *key]) == 0
    init_root, init_targets = (state / n for n in ("policy-root.key", "policy-targets.key"))
    public = [str(tmp_path / f"{name}.pub") for name in ("an", "binh")]
    before = shown["keys"]
    words = ["--add", *public, "--remove", before["root"][0], "--root-threshold", "2"]
    words += ["--add-targets", public[0], "--remove-targets", before["targets"][0]]
    assert rules.main(["repository", "root", str(place), *words]) == 0
    book.write_bytes(a_rulebook(version="2026.12"))
    for signer in (tmp_path / "an", tmp_path / "binh", init_root):
        rules.main(["repository", "sign", str(place), "--key", str(signer), "--yes", *key])
    assert rules.main(["repository", "add", str(place), str(book)]) == 0
    assert rules.main(["repository", "sign", str(place), "--key", str(tmp_path / "an"), "--yes", *key]) == 0
    for file in (init_root, init_targets):
        file.unlink()
    assert cli.main(["rulebook", "publish", str(book)]) == 1
    assert "does not vouch" in capsys.readouterr().err
    run(capsys, "policy", "import", str(place))
    assert "2026.12 in force" in run(capsys, "rulebook", "publish", str(book))
    after = msgspec.json.decode(run(capsys, "policy", "show", "--json"))
    assert (after["root"], after["own_keys"], len(after["rulebooks"])) == (2, [], 2)
    capsys.readouterr()
    assert cli.main(["policy", "import", str(tmp_path / "nowhere")]) == 2
    assert "nowhere/metadata: No such file or directory\n  Check the path" in capsys.readouterr().err


def test_a_rulebook_is_tried_widened_given_up_and_published(state: Path, tmp_path: Path, capsys: Run) -> None:
    book = tmp_path / "book.json"
    book.write_bytes(a_rulebook(version="2026.12"))
    run(capsys, "unit", "add", "--code", "so-y-te", "--name-vi", "Sở Y tế", "--name-en", "Health")
    said = run(capsys, "rulebook", "try", str(book), "--share", "10")
    assert "2026.12 is tried" in said
    assert said.endswith("tried by 10 of a hundred machines\n")
    run(capsys, "rulebook", "try", str(book), "--unit", "vn")
    said = run(capsys, "rulebook", "try", str(book), "--share", "30")
    assert "tried by 30 of a hundred machines, and all machines of Việt Nam (vn) and of 1 beneath" in said
    assert cli.main(["rulebook", "try", str(book), "--share", "20"]) == 1
    assert "end-trial" in capsys.readouterr().err
    shown = msgspec.json.decode(run(capsys, "rulebook", "show", "--json"))
    assert shown["trial"] == {"share": 30, "units": ["so-y-te", "vn"]}
    assert [(r["version"], r["state"], r["machines"]) for r in shown["rulebooks"]] == [
        ("2026.12", "tried", 0),
        ("1", "in force", 0),
    ]
    assert said.splitlines()[-1] in run(capsys, "rulebook", "show")
    run(capsys, "rulebook", "end-trial")
    assert cli.main(["rulebook", "end-trial"]) == 1
    assert "no rulebook that is tried\n  `vonggac-collector rulebook show`" in capsys.readouterr().err
    assert cli.main(["rulebook", "try", str(book), "--unit", "vn", "--unit", "nix"]) == 1
    assert "no unit for each of vn, nix\n  `vonggac-collector unit list`" in capsys.readouterr().err
    assert cli.main(["rulebook", "try", str(book), "--share", "100"]) == 1
    capsys.readouterr()
    assert "2026.12 in force" in run(capsys, "rulebook", "publish", str(book))
    assert msgspec.json.decode(run(capsys, "rulebook", "show", "--json"))["trial"] is None


def test_from_the_first_unit_to_a_score(state: Path, capsys: Run) -> None:
    run(capsys, "unit", "add", "--code", "so-y-te", "--name-vi", "Sở Y tế", "--name-en", "Health")
    run(capsys, "system", "add", "--id", "hsyt", "--unit", "so-y-te", "--level", "3", "--name-vi", "Hồ sơ")
    made = msgspec.json.decode(
        run(capsys, "token", "create", "--agency", "so-y-te", "--system", "hsyt", "--json")
    )
    assert made["row"]["uses_left"] == 1
    now = datetime.now(UTC)
    ledger = open_ledger(f"sqlite:///{state}/ledger.db")
    machine = Machine("web-1\x1b[31m")
    answer = enrol(ledger, machine.request(made["token"], now), now=now, collector_key=KEY)
    machine.enrolled(answer.body())
    accept(ledger, machine.report(now, {0, 3}), now=now, collector_key=KEY)
    ledger.close()
    later = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    score = msgspec.json.decode(run(capsys, "score", "--unit", "so-y-te", "--as-of", later, "--json"))
    assert score["unit"] == "so-y-te"
    assert score["systems"][0]["system"] == "hsyt"
    assert round(score["score"] + sum(d["points"] for d in score["deductions"]), 4) == 100
    assert {d["rule"] for d in score["deductions"]} == {"linux.test.rule-00", "linux.test.rule-03"}
    assert "Sở Y tế" in run(capsys, "score", "--unit", "so-y-te")
    listed = run(capsys, "host", "list")
    assert "web-1" in listed
    assert "\x1b" not in listed
    assert "level 4" in run(capsys, "system", "level", "hsyt", "4", "--reason", "12/QĐ-UBND")
    moved = run(capsys, "host", "move", machine.agent_id, "--system", "", "--criticality", "3")
    assert "unit so-y-te, no system, criticality 3" in moved
    assert "1 report of 1 agent and " in run(capsys, "ledger", "verify")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE placements SET criticality = 9", "criticality 9 is not 1, 2 or 3"),
        ("UPDATE placements SET criticality = 'x'", "criticality x is not 1, 2 or 3"),
        ("UPDATE system_levels SET level = 0", "system hsyt: level 0 is not 1 to 5"),
    ],
)
def test_scores_of_a_ledger_edited_to_nonsense_are_refused_in_one_sentence(
    statement: str, told: str, state: Path, capsys: Run
) -> None:
    run(capsys, "unit", "add", "--code", "so-y-te", "--name-vi", "Sở Y tế", "--name-en", "Health")
    run(capsys, "system", "add", "--id", "hsyt", "--unit", "so-y-te", "--level", "3", "--name-vi", "Hồ sơ")
    token = msgspec.json.decode(
        run(capsys, "token", "create", "--agency", "so-y-te", "--system", "hsyt", "--json")
    )
    now = datetime.now(UTC)
    ledger = open_ledger(f"sqlite:///{state}/ledger.db")
    enrol(ledger, Machine().request(token["token"], now), now=now, collector_key=KEY)
    ledger.close()
    with closing(sqlite3.connect(state / "ledger.db")) as connection, connection:
        connection.execute(statement)
    assert cli.main(["score"]) != 0
    said = capsys.readouterr().err
    assert told in said
    assert "ledger verify" in said
    assert said.count("\n") == 1
    assert cli.main(["ledger", "verify"]) == 1


def test_a_unit_that_does_not_fit_is_refused_with_its_reason(state: Path, capsys: Run) -> None:
    assert cli.main(["unit", "add", "--code", "Sở", "--name-vi", "x"]) == 1
    assert "small letters" in capsys.readouterr().err
    assert cli.main(["unit", "add", "--code", "x", "--parent", "nowhere", "--name-vi", "x"]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert cli.main(["token", "create", "--agency", "nowhere"]) == 1
    assert "no unit nowhere, or it has no such" in capsys.readouterr().err


def test_units_come_from_a_file_all_or_none(state: Path, tmp_path: Path, capsys: Run) -> None:
    file = tmp_path / "units.csv"
    head = "code,parent,kind,name_vi,name_en\n"
    file.write_text(
        head + "hue,,province,Huế,Hue\nhue/a,hue,agency,A,\nhue/b,none,agency,B,\n", encoding="utf-8"
    )
    assert cli.main(["unit", "import", str(file)]) == 1
    assert "'none' is not there" in capsys.readouterr().err
    assert [u["code"] for u in msgspec.json.decode(run(capsys, "unit", "list", "--json"))] == ["vn"]
    file.write_text(head + 'hue,,province,"Huế, thành phố",Hue\nhue/a,hue,agency,A,\n', encoding="utf-8")
    assert "2 units" in run(capsys, "unit", "import", str(file))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"code,parent\n",
        b"\xff",
        b"code,parent,kind,name_vi,name_en\na,b\n",
        b'code,parent,kind,name_vi,name_en\n"a',
    ],
)
def test_a_file_that_is_no_list_of_units_is_refused(
    state: Path, tmp_path: Path, capsys: Run, raw: bytes
) -> None:
    (tmp_path / "units.csv").write_bytes(raw)
    assert cli.main(["unit", "import", str(tmp_path / "units.csv")]) == 1
    assert capsys.readouterr().err.startswith("vonggac-collector: ")


def test_people_get_accounts_and_new_passwords(state: Path, tmp_path: Path, capsys: Run) -> None:
    told = run(capsys, "user", "add", "--name", "Lan", "--role", "officer", "--unit", "vn")
    assert "shown this once" in told
    assert [u["name"] for u in msgspec.json.decode(run(capsys, "user", "list", "--json"))] == ["admin", "lan"]
    run(capsys, "user", "passwd", "lan", "--password-file", str(tmp_path / "new"))
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    (tmp_path / "short").write_text("abc")
    assert cli.main(["user", "passwd", "lan", "--password-file", str(tmp_path / "short")]) == 1
    assert "12 to 200" in capsys.readouterr().err


def test_wrong_use_and_a_missing_ledger_end_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Run
) -> None:
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(tmp_path))
    assert cli.main(["host", "list"]) == 2
    assert "vonggac-collector init" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        cli.main(["no-such-command"])


def test_a_published_rulebook_is_in_force(state: Path, tmp_path: Path, capsys: Run) -> None:
    (tmp_path / "book.json").write_bytes(a_rulebook(rules=9, version="2026.12"))
    assert "2026.12 in force: 9 rules" in run(capsys, "rulebook", "publish", str(tmp_path / "book.json"))
    (tmp_path / "bad.json").write_bytes(b"{}")
    assert cli.main(["rulebook", "publish", str(tmp_path / "bad.json")]) == 1


def test_every_setting_is_shown_with_its_source(state: Path, capsys: Run) -> None:
    shown = {s["name"]: s for s in msgspec.json.decode(run(capsys, "settings", "--json"))}
    assert shown["state_dir"] == {"name": "state_dir", "value": str(state), "source": "environment"}
    assert shown["listen"]["source"] == "default"


def test_holds_retention_and_verification_by_command(
    state: Path, tmp_path: Path, capsys: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(capsys, "unit", "add", "--code", "so-y-te", "--name-vi", "Sở Y tế")
    made = msgspec.json.decode(
        run(capsys, "ledger", "hold", "add", "--unit", "so-y-te", "--reason", "vụ\x1b việc", "--json")
    )
    assert (made["kind"], made["subject"], made["released_at"]) == ("unit", "so-y-te", None)
    assert "vụ\\x1b việc" in run(capsys, "ledger", "hold", "list")
    assert msgspec.json.decode(run(capsys, "ledger", "hold", "list", "--json"))[0]["id"] == made["id"]
    assert cli.main(["ledger", "hold", "add", "--host", "x", "--reason", "y"]) == 1
    run(capsys, "ledger", "hold", "release", made["id"], "--reason", "xong")
    assert cli.main(["ledger", "hold", "release", made["id"], "--reason", "xong"]) == 1
    capsys.readouterr()
    old = datetime.now(UTC) - timedelta(days=200)
    ledger = open_ledger(f"sqlite:///{state}/ledger.db")
    token = msgspec.json.decode(run(capsys, "token", "create", "--agency", "so-y-te", "--json"))["token"]
    machine = Machine()
    now = datetime.now(UTC)
    machine.enrolled(enrol(ledger, machine.request(token, now), now=now, collector_key=KEY).body())
    for number, at in enumerate((old, old, now)):
        accept(ledger, machine.report(at, {number}), now=at, collector_key=KEY)
    ledger.close()
    foreseen = msgspec.json.decode(run(capsys, "ledger", "retention", "--dry-run", "--json"))
    assert [(d["envelopes"], d["held"]) for d in foreseen["dropped"]] == [(1, 1)]
    assert "1 shelf would be dropped" in run(capsys, "ledger", "retention", "--dry-run")
    monkeypatch.setenv("VONGGAC_KEEP_MONTHS", "12,12,12,12,12")
    assert "0 shelves dropped" in run(capsys, "ledger", "retention")
    monkeypatch.delenv("VONGGAC_KEEP_MONTHS")
    assert "1 shelf dropped" in run(capsys, "ledger", "retention")
    out = run(capsys, "ledger", "verify")
    assert "1 chain begins, or goes on, after reports that retention dropped\n2 reports of 1 agent and" in out
    # An auditor has a copy of the file, and no state folder.
    copy = tmp_path / "copy.db"
    with sqlite3.connect(state / "ledger.db") as source, sqlite3.connect(copy) as target:
        source.backup(target)
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("VONGGAC_DATABASE_URL", f"sqlite:///{copy}")
    assert msgspec.json.decode(run(capsys, "ledger", "verify", "--json"))["faults"] == []
    assert cli.main(["ledger", "verify", "--progress", "--processes", "1"]) == 0
    assert "2 of 2 reports" in capsys.readouterr().err
    with sqlite3.connect(copy) as edited:
        edited.execute("UPDATE envelopes SET previous = NULL WHERE sequence = 3")
    assert cli.main(["ledger", "verify"]) == 1
    assert f"agent {machine.agent_id} epoch 1 report 3: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "said", "advice"),
    [
        (("media", "import", "nosuch"), "nosuch: No such file or directory", "is the medium mounted"),
        (("rulebook", "publish", "/nope"), "/nope: No such file or directory", "Check the path"),
        (("unit", "import", "/"), "/: Is a directory", "Name a file"),
        (("media", "import", "/dev/null"), "/dev/null: Not a directory", "Name a folder"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_what_to_do(
    state: Path, capsys: Run, command: tuple[str, ...], said: str, advice: str
) -> None:
    assert cli.main([*command]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"vonggac-collector: {said}"
    assert advice in second


def test_times_and_numbers_have_one_form(capsys: Run) -> None:
    at = datetime(2026, 11, 26, 19, 5, 1, 250_000, tzinfo=UTC)
    assert written(at.astimezone(timezone(timedelta(hours=7)))) == "2026-11-26T19:05:01Z"
    show_table(("at",), [(at,), ("x\x1b",)])
    assert capsys.readouterr().out.split() == ["at", "2026-11-26T19:05:01Z", "x\\x1b"]
    assert [counted(n, "machine") for n in (0, 1, 2)] == ["0 machines", "1 machine", "2 machines"]
    assert counted(2, "shelf", "shelves") == "2 shelves"
