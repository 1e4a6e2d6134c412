"""Signing in: alike for everybody who may not, slow for whoever guesses, over at once when it is taken away."""

from __future__ import annotations

import functools
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.collector.conftest import NOW, Desk

from vonggac_collector import people
from vonggac_collector.auth import sessions
from vonggac_collector.auth.caller import ROLES, Caller, require
from vonggac_collector.auth.passwords import fits, hash_password, make_password
from vonggac_collector.auth.throttle import PER_PAIR, PER_PEER, WINDOW, Throttle, _keys
from vonggac_collector.errors import Forbidden, Invalid, Refused
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.people import add_user, set_password

PASSWORD = "mot-mat-khau-du-dai"


hash_once = functools.cache(hash_password)


@pytest.fixture
def lan(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setattr(people, "hash_password", hash_once)
    add_user(desk.ledger, "Lan", "officer", "hue", PASSWORD, now=NOW, actor="test")
    return desk.ledger


def begin(ledger: Ledger, password: str = PASSWORD, name: str = "lan") -> str:
    return sessions.sign_in(ledger, Throttle(ledger), name, password, now=NOW, peer="p")


def test_a_session_says_who_it_is_until_it_ends(lan: Ledger) -> None:
    secret = begin(lan)
    found = sessions.find(lan, secret, NOW)
    assert found is not None
    assert (found[1].name, found[1].role, found[1].unit) == ("lan", "officer", "hue")
    assert sessions.find(lan, secret, NOW + sessions.IDLE) is None
    assert sessions.find(lan, "another", NOW) is None
    sessions.sign_out(lan, secret, now=NOW)
    assert sessions.find(lan, secret, NOW) is None


def test_a_session_that_is_used_lasts_but_not_for_ever(lan: Ledger) -> None:
    secret = begin(lan)
    for hours in range(1, 12):
        assert sessions.find(lan, secret, NOW + timedelta(hours=hours)) is not None
    assert sessions.find(lan, secret, NOW + sessions.LASTS) is None


def test_the_ledger_does_not_hold_what_the_browser_holds(lan: Ledger) -> None:
    secret = begin(lan)
    with lan.read() as tx:
        found = tx.people.session(sessions.secret_hash(secret))
        user = tx.people.by_name("lan")
    assert found is not None
    assert user is not None
    assert secret not in repr(found)
    assert PASSWORD not in repr(user)


def test_a_new_password_ends_the_sessions(lan: Ledger) -> None:
    secret = begin(lan)
    set_password(lan, "LAN", "mot-mat-khau-khac", now=NOW, actor="test")
    assert sessions.find(lan, secret, NOW) is None
    begin(lan, "mot-mat-khau-khac")


@pytest.mark.parametrize(
    ("name", "password"), [("lan", "wrong"), ("nobody", PASSWORD), ("", ""), ("lan", PASSWORD + "x")]
)
def test_whoever_does_not_fit_is_told_the_same(lan: Ledger, name: str, password: str) -> None:
    with pytest.raises(Refused, match="name and password do not fit"):
        begin(lan, password, name)


def test_guessing_is_throttled_by_pair_and_by_peer_and_forgotten(ledger: Ledger) -> None:
    throttle = Throttle(ledger)
    for _ in range(PER_PAIR):
        assert throttle.begin("lan", "p", NOW)
    assert not throttle.begin("lan", "p", NOW)
    assert throttle.begin("lan", "another peer", NOW)
    assert throttle.begin("lan", "p", NOW + WINDOW)
    for n in range(PER_PEER):
        assert throttle.begin(f"account {n}", "q", NOW)
    assert not throttle.begin("yet another", "q", NOW)


def test_who_signs_in_again_and_again_is_not_throttled(ledger: Ledger) -> None:
    throttle = Throttle(ledger)
    for _ in range(3 * PER_PEER):
        assert throttle.begin("lan", "p", NOW)
        throttle.succeeded("lan", "p")


@pytest.mark.hostile
def test_guesses_at_once_are_as_few_as_guesses_in_turn(lan: Ledger) -> None:
    throttle, told = Throttle(lan), []

    def guess(n: int) -> None:
        with pytest.raises(Refused, match=r".") as refused:
            sessions.sign_in(lan, throttle, "lan", f"guess {n}", now=NOW, peer="p")
        told.append(refused.value.code)

    threads = [threading.Thread(target=guess, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["login-refused"] * PER_PAIR + ["throttled"] * (20 - PER_PAIR)


@pytest.mark.hostile
def test_tries_that_are_refused_leave_nothing_and_the_others_no_longer_than_they_count(
    ledger: Ledger,
) -> None:
    throttle = Throttle(ledger)
    for n in range(5 * PER_PEER):
        throttle.begin(f"account {n}", "p", NOW)
    with ledger.write() as tx:
        every = [key for n in range(5 * PER_PEER) for key in _keys(f"account {n}", "p")]
        assert sum(tx.people.tries(every, NOW - WINDOW).values()) == 3 * PER_PEER
        assert tx.people.tries(every, NOW) == {}


def test_passwords_are_argon2id_and_made_ones_are_long() -> None:
    assert hash_password("x").startswith("$argon2id$")
    assert not fits(PASSWORD, None)
    assert not fits(PASSWORD, "not a hash")
    assert len({make_password() for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("name", "role", "unit", "password"),
    [
        ("", "officer", "hue", PASSWORD),
        ("a\nb", "officer", "hue", PASSWORD),
        ("a" * 121, "officer", "hue", PASSWORD),
        ("lan", "officer", "hue", PASSWORD),
        ("mai", "king", "hue", PASSWORD),
        ("mai", "officer", "nowhere", PASSWORD),
        ("mai", "officer", "hue", "short"),
    ],
)
def test_an_account_that_does_not_fit_is_refused(
    lan: Ledger, name: str, role: str, unit: str, password: str
) -> None:
    with pytest.raises(Invalid, match=r"^(name|role|unit|password): "):
        add_user(lan, name, role, unit, password, now=NOW, actor="test")


def test_only_administrators_administer_and_auditors_only_read() -> None:
    may = {
        action: [r for r in ROLES if _may(r, action)]
        for action in ("read", "enrol", "read-audit", "administer")
    }
    assert may == {
        "read": list(ROLES),
        "enrol": ["sysadmin", "officer", "it-centre", "administrator"],
        "read-audit": ["auditor", "administrator"],
        "administer": ["administrator"],
    }


def _may(role: str, action: str) -> bool:
    try:
        require(Caller("u", "n", role, "vn"), action)  # type: ignore[arg-type]
    except Forbidden:
        return False
    return True


def test_the_collector_knows_no_html_and_no_pages() -> None:
    import vonggac_collector

    root = Path(vonggac_collector.__file__).parent
    for module in root.rglob("*.py"):
        text = module.read_text(encoding="utf-8")
        for word in ("vonggac_dashboards", "jinja2", "markupsafe", "HTMLResponse", "<html", "text/html"):
            assert word not in text, (module, word)
