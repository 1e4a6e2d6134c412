"""Local profiles: what is changed of a complete one, said so, and refused where it says nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from vonggac_contract.rule import Profile, RulebookFile, Text
from vonggac_rules.load import load_rule
from vonggac_rules.profiles import Books, load_local, load_profile
from vonggac_rules.rulebook import Rulebook, UnknownProfile, load_rulebook
from vonggac_rules.source import parse_source

from .test_slips import PROFILE, RULE

BASE = PROFILE.replace("rules:\n", "rules:\n  linux.ssh.third: {tries: 5}\n")


def books() -> Books:
    rules = {
        name: load_rule(parse_source(RULE.replace("linux.ssh.example", name).encode(), name))
        for name in ("linux.ssh.example", "linux.ssh.other", "linux.ssh.third")
    }
    complete = load_profile(parse_source(BASE.encode(), "b"), rules)
    return Books(rules, complete={complete.id: complete})


def local(text: str) -> Profile:
    head = 'id: health-level3\nextends: example-level3\ntitle: {vi: "Y tế", en: Health}\n'
    return load_local(parse_source((head + text).encode(), "health.profile.yaml"), books())


def test_what_is_set_added_and_dropped_makes_a_complete_profile_and_is_told() -> None:
    found = local(
        "set: {linux.ssh.example: {tries: 3}}\nadd: {linux.ssh.other: {}}\n"
        'drop: {linux.ssh.third: {vi: "Không dùng SSH.", en: SSH is not used.}}\n'
    )
    assert found.rules == {"linux.ssh.example": {"tries": 3}, "linux.ssh.other": {"tries": 4}}
    assert (found.level, found.extends, found.replaces) == (3, "example-level3", False)
    told = {(c.kind, c.rule, c.parameter, c.before, c.after) for c in found.changes}
    assert told == {
        ("set", "linux.ssh.example", "tries", 4, 3),
        ("added", "linux.ssh.other", "", None, None),
        ("dropped", "linux.ssh.third", "", None, None),
    }
    [reason] = [c.reason for c in found.changes if c.reason is not None]
    assert reason == Text("Không dùng SSH.", "SSH is not used.")


def test_the_source_of_the_demands_is_kept_below_a_line_that_says_what_is_local() -> None:
    found = local("set: {linux.ssh.example: {tries: 3}}\n")
    assert found.source.vi == (
        "Hồ sơ riêng, mở rộng từ “Hồ sơ”: 1 thay đổi do quản trị viên đặt, không do tiêu chuẩn. Nguồn"
    )
    assert found.source.en.startswith(
        "A local profile that extends “Profile”: 1 change made by an administrator"
    )
    assert found.source.en.endswith("Source")


@pytest.mark.parametrize(("replaces", "chosen"), [("true", "health-level3"), ("false", "example-level3")])
def test_a_level_is_judged_by_a_local_profile_only_if_that_replaces_the_other(
    replaces: str, chosen: str
) -> None:
    found = local(f"replaces: {replaces}\nset: {{linux.ssh.example: {{tries: 3}}}}\n")
    base = books().complete["example-level3"]
    for order in ([base, found], [found, base]):
        book = Rulebook(RulebookFile(1, "0", [], order), "")
        assert book.profile_for_level(3).id == chosen
    with pytest.raises(UnknownProfile):
        Rulebook(RulebookFile(1, "0", [], [found]), "").profile_for_level(4)


def test_a_rulebook_of_before_local_profiles_still_loads_and_a_complete_profile_is_written_as_ever() -> None:
    rules = [r.rule for r in books().rules.values()]
    base = books().complete["example-level3"]
    raw = msgspec.json.encode(RulebookFile(1, "0", rules, [base]))
    assert set(msgspec.json.decode(raw)["profiles"][0]) == {"id", "level", "title", "source", "rules"}
    assert load_rulebook(raw).profiles == {base.id: base}
    changed = local("set: {linux.ssh.example: {tries: 3}}\n")
    raw = msgspec.json.encode(RulebookFile(1, "0", rules, [base, changed]))
    assert load_rulebook(raw).profiles[changed.id] == changed


def test_the_shipped_profiles_extend_nothing() -> None:
    folder = Path(__file__).parents[3] / "policies" / "profiles"
    assert [p.name for p in folder.glob("*.yaml") if "extends:" in p.read_text(encoding="utf-8")] == []
