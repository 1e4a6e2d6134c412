"""Hangs the pages into the collector's web process, which finds `mount` by its entry point.

Routes and forms of each page are in `pages`; programs keep the collector's own answers.
"""

from __future__ import annotations

from fastapi import FastAPI

from . import static_files
from .pages import enrol, findings, fork, host, keys, overview, policy, rule, sign_in, unit
from .pages.problems import ProblemPages


def mount(app: FastAPI) -> None:
    """Add every page to `app`, and let people's browsers see pages where the collector refuses."""
    for module in (overview, unit, host, keys, fork, rule, policy, findings, enrol, sign_in, static_files):
        app.include_router(module.router)
    app.add_middleware(ProblemPages)
