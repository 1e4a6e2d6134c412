"""Writes docs/commands.md from the programs' own parsers and settings; `--check` says whether it is up to date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from vonggac_agent import settings as agent_settings
from vonggac_agent.cli import parser as agent_parser
from vonggac_collector.cli import parser as collector_parser
from vonggac_collector.settings import Settings
from vonggac_rules.cli import parser as rules_parser

OUT = Path(__file__).resolve().parents[2] / "docs" / "commands.md"
HEAD = """# Commands

Written by `make docs` from the programs' own help; a test compares. Every program exits with 0 if all is good, 1 for
findings or refusals, 2 for wrong use or environment (and the agent with 75 when another agent holds its state, 78 when
its state folder is unsafe). Errors go to standard error and say what to do. `make help` lists what a clone can do.
"""


def main() -> int:
    """Write the page, or compare it."""
    text = "\n".join(page()) + "\n"
    if "--check" in sys.argv:
        if OUT.read_text(encoding="utf-8") == text:
            return 0
        print(f"{OUT.name} is not what the programs say: run `make docs`", file=sys.stderr)
        return 1
    OUT.write_text(text, encoding="utf-8")
    return 0


def page() -> Iterator[str]:
    """The page, line by line."""
    yield HEAD
    for made in (agent_parser(), rules_parser(), collector_parser()):
        yield f"## {made.prog}\n\n{made.description}\n"
        for sub in commands(made):
            yield from section(sub)
    yield "## Settings of the agent\n\nEnvironment first, then the file of `--config`.\n"
    yield "| setting | default | what it does |\n|---|---|---|"
    for declared in agent_settings.DECLARED:
        yield f"| `VONGGAC_{declared.name.upper()}` | {code(declared.default)} | {declared.about} |"
    yield "\n## Settings of the collector\n\nEnvironment first, then the file of `--config`.\n"
    yield "| setting | default | what it does |\n|---|---|---|"
    for name, field in Settings.model_fields.items():
        yield f"| `VONGGAC_{name.upper()}` | {code(field.default)} | {field.description} |"


def commands(made: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every command that has none below it, groups gone into."""
    below = [a for a in made._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        yield made
        return
    for action in below:
        for sub in action.choices.values():
            yield from commands(sub)


def section(sub: argparse.ArgumentParser) -> Iterator[str]:
    """One command: what it does, its arguments, an example."""
    yield f"### `{sub.prog}`\n\n{sub.description or ''}\n"
    shown = [a for a in sub._actions if not isinstance(a, argparse._HelpAction)]
    if shown:
        yield "| argument | what it is |\n|---|---|"
    for action in shown:
        name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        if action.option_strings and action.nargs != 0:
            choices = "|".join(str(choice) for choice in action.choices or ())
            name += f" {action.metavar or choices or action.dest.upper()}"
        required = " (required)" if action.required and action.option_strings else ""
        yield f"| {code(name)} | {(action.help or '') % vars(action)}{required} |"
    if sub.epilog:
        yield f"\n{sub.epilog.strip()}\n".replace("example:", "Example:")
    yield ""


def code(value: object) -> str:
    """As code in a table's cell."""
    text = str(value).replace("|", "\\|")
    return f"`{text}`" if text and text != "None" else "none"


if __name__ == "__main__":
    raise SystemExit(main())
