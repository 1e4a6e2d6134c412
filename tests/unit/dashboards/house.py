"""The pages in a web process as the collector makes it, over the ledger's in-memory twin and a twin of the queries that
answers with the sample's values. Signing in, forms and refusals are the real ones."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.testclient import TestClient
from tests.unit.dashboards import sample, searched

from vonggac_collector import views
from vonggac_collector.app import create_app
from vonggac_collector.auth import Caller, sessions, web
from vonggac_collector.auth.caller import require
from vonggac_collector.auth.passwords import hash_password
from vonggac_collector.auth.sessions import LASTS
from vonggac_collector.enrolment_views import EnrolPage
from vonggac_collector.errors import NotFound
from vonggac_collector.index.memory import MemoryIndex
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import Session, Unit, User
from vonggac_collector.policy_views import PolicyPage
from vonggac_collector.search.results import Asking, SearchPage
from vonggac_collector.settings import Settings
from vonggac_dashboards.app import mount

PASSWORD = "mat-khau-dai-that-dai"
_HASH = hash_password(PASSWORD)
LONG_AGO = sample.NOW - timedelta(days=365)


class SampleQueries:
    """Answers like `Queries`, from the sample, whoever asks."""

    def __init__(self) -> None:
        self.host_page = sample.host()
        self.overview_page = sample.overview()
        self.unit_page = sample.unit()
        self.policy_page = sample.policy()
        self.local = sample.local_profile()
        self.lag = searched.EVEN
        self.search_down = False

    def now(self) -> Any:
        return sample.NOW

    def overview(self, caller: Caller) -> views.Overview:
        return self.overview_page

    def unit(self, caller: Caller, code: str) -> views.UnitPage:
        if code == "absent":
            raise NotFound
        if code == "alone":
            return replace(self.unit_page, hosts=[sample.host_row(1)], hosts_total=1, children=[])
        return replace(self.unit_page, local=[self.local]) if code == "local" else self.unit_page

    def host(self, caller: Caller, host_id: str) -> views.HostPage:
        if host_id == "absent":
            raise NotFound
        if host_id == "broken":
            raise RuntimeError("a fault of the collector's own")
        if host_id == "forked":
            return sample.forked()
        if host_id == "local":
            return replace(self.host_page, profile=self.local.id, local=self.local)
        return self.host_page

    def rule(self, caller: Caller, rule_id: str, *, within: str = "", first: int = 0) -> views.RulePage:
        rule = sample.rule()
        if rule_id != "local":
            return rule
        own = replace(self.local, changes=[c for c in self.local.changes if c.kind == "set"][:1])
        values = {"max_age_days": rule.parameters["max_age_days"] | {self.local.id: 60}}
        return replace(rule, profiles=[*rule.profiles, self.local.id], parameters=values, local=[own])

    def rules(self, caller: Caller) -> list[views.RuleListRow]:
        return sample.rules()

    def policy(self, caller: Caller) -> PolicyPage:
        return self.policy_page

    def search(self, caller: Caller, asking: Asking) -> SearchPage:
        return searched.found(caller, asking, self.lag, down=self.search_down)

    def enrol(self, caller: Caller, *, find: str = "", unit: str = "") -> EnrolPage:
        require(caller, "enrol")
        return sample.enrol()


def make_app(queries: SampleQueries | None = None) -> FastAPI:
    """The collector's web process with an administrator `admin`, an auditor `kiemtoan`, and the sample."""
    ledger = MemoryLedger()
    with ledger.write() as tx:
        tx.tree.add_unit(Unit("vn", None, "root", "Cả nước", "The whole country", True, LONG_AGO))
        for code, vi, en in sample.PROVINCES:
            tx.tree.add_unit(Unit(code, "vn", "province", vi, en, True, LONG_AGO))
        for name, role in (("admin", "administrator"), ("kiemtoan", "auditor")):
            tx.people.add(User(name, name, role, "vn", _HASH, True, LONG_AGO))
    settings = Settings.model_validate({"insecure_cookies": True, "role": "web"})
    key = Ed25519PrivateKey.generate()
    app = create_app(settings, ledger, key, now=lambda: sample.NOW, pages=False, index=MemoryIndex())
    mount(app)
    app.state.queries = queries or SampleQueries()
    return app


def client_of(app: FastAPI) -> TestClient:
    """A browser without a session."""
    return TestClient(
        app,
        base_url="http://127.0.0.1:8443",
        headers={"Accept": "text/html,*/*;q=0.8"},
        follow_redirects=False,
        raise_server_exceptions=False,
    )


def session_secret(app: FastAPI, name: str) -> str:
    """The cookie of a new session, opened without the slow hash of a password."""
    secret = secrets.token_urlsafe(32)
    session = Session(
        sessions.secret_hash(secret),
        name,
        secrets.token_urlsafe(32),
        sample.NOW,
        sample.NOW,
        sample.NOW + LASTS,
    )
    with app.state.ledger.write() as tx:
        tx.people.open_session(session)
    return secret


def signed_in(app: FastAPI, name: str = "admin") -> TestClient:
    """A browser with a session."""
    client = client_of(app)
    client.cookies.set(web.PLAIN_COOKIE, session_secret(app, name))
    return client
