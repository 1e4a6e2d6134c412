"""Each lint complains about a small bad example, and leaves its good twin alone."""

from __future__ import annotations

import pytest
from tests.architecture import lints
from tests.architecture.lints import Lint
from tests.architecture.sources import parse

BAD: list[tuple[Lint, str]] = [
    (lints.runs_no_text_as_code, "eval(text)"),
    (lints.runs_no_text_as_code, "exec(text)"),
    (lints.runs_no_text_as_code, "__import__(name)"),
    (lints.runs_no_text_as_code, "import os as o\no.system('ls')"),
    (lints.runs_no_text_as_code, "from os import popen\npopen('ls')"),
    (lints.runs_no_text_as_code, "import pickle"),
    (lints.runs_no_text_as_code, "from marshal import loads"),
    (lints.runs_no_text_as_code, "def f():\n    import shelve"),
    (lints.runs_no_text_as_code, "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)"),
    (lints.runs_no_text_as_code, "from yaml import unsafe_load as read\nread(text)"),
    (lints.runs_no_text_as_code, "import yaml\nclass Reader(yaml.Loader): ..."),
    (lints.runs_no_text_as_code, "import subprocess\nsubprocess.getoutput('id')"),
    (lints.starts_programs_by_fixed_argv, "import subprocess\nsubprocess.run(['ls'], shell=True)"),
    (lints.starts_programs_by_fixed_argv, "import subprocess\nsubprocess.run(['ls'], shell=flag)"),
    (lints.starts_programs_by_fixed_argv, "import subprocess\nsubprocess.run('ls')"),
    (lints.starts_programs_by_fixed_argv, "from subprocess import Popen\nPopen(args='ls')"),
    (lints.starts_programs_by_fixed_argv, "import subprocess\nsubprocess.run(f'ls {x}')"),
    (lints.starts_programs_by_fixed_argv, "import subprocess\nsubprocess.run('ls ' + x)"),
    (lints.starts_programs_by_fixed_argv, "import subprocess\nsubprocess.run(' '.join(x))"),
    (lints.starts_programs_by_fixed_argv, "import subprocess\nsubprocess.run([f'/usr/bin/{x}'])"),
    (lints.starts_programs_by_fixed_argv, "import asyncio\nasyncio.create_subprocess_exec(f'/bin/{x}')"),
    (lints.reaches_only_for_literal_names, "getattr(thing, name)"),
    (lints.reaches_only_for_literal_names, "setattr(thing, f'_{name}', 1)"),
    (lints.reaches_only_for_literal_names, "from importlib import import_module\nimport_module(name)"),
    (lints.reaches_only_for_literal_names, "import operator\noperator.attrgetter(name)"),
    (lints.loses_no_error, "try:\n    f()\nexcept:\n    log()"),
    (lints.loses_no_error, "try:\n    f()\nexcept Exception:\n    pass"),
    (lints.loses_no_error, "try:\n    f()\nexcept (ValueError, Exception):\n    ..."),
    (
        lints.loses_no_error,
        "for x in y:\n    try:\n        f()\n    except BaseException as e:\n        continue",
    ),
    (lints.loses_no_error, "def f():\n    try:\n        g()\n    except Exception:\n        return"),
    (lints.loses_no_error, "import contextlib\nwith contextlib.suppress(Exception):\n    f()"),
    (lints.asks_no_clock, "from datetime import datetime, UTC\ndatetime.now(UTC)"),
    (lints.asks_no_clock, "import datetime\ndatetime.date.today()"),
    (lints.asks_no_clock, "import time\ntime.time()"),
    (lints.asks_no_clock, "from time import monotonic as now\nnow()"),
    (lints.compares_secrets_in_constant_time, "given == row.token_hash"),
    (lints.compares_secrets_in_constant_time, "password != expected"),
    (lints.compares_secrets_in_constant_time, "form['csrf_token'] == expected"),
    (lints.patterns_stay_in_their_line, r"import re; re.compile(r'(?m)^\s*a')"),
    (lints.patterns_stay_in_their_line, r"import re; re.findall(r'^\s+a', text, re.MULTILINE)"),
]

GOOD: list[tuple[Lint, str]] = [
    (lints.patterns_stay_in_their_line, r"import re; re.compile(r'(?m)^[ \t]*a')"),
    (lints.patterns_stay_in_their_line, r"import re; re.match(r'^\s*a', line)"),
    (lints.runs_no_text_as_code, "import re, yaml\nre.compile('x')\nyaml.safe_load(text)"),
    (
        lints.runs_no_text_as_code,
        "import yaml\nclass Strict(yaml.CSafeLoader): ...\nStrict(text).get_single_data()",
    ),
    (
        lints.starts_programs_by_fixed_argv,
        "import subprocess\nsubprocess.run(['/usr/sbin/sshd', '-T'], timeout=5)",
    ),
    (
        lints.starts_programs_by_fixed_argv,
        "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'x'])",
    ),
    (lints.starts_programs_by_fixed_argv, "import subprocess\nsubprocess.run(SSHD_EFFECTIVE, timeout=5)"),
    (lints.reaches_only_for_literal_names, "getattr(thing, 'name', None)"),
    (lints.loses_no_error, "try:\n    f()\nexcept FileNotFoundError:\n    pass"),
    (lints.loses_no_error, "try:\n    f()\nexcept Exception as e:\n    log(e)\n    raise"),
    (lints.asks_no_clock, "def overdue(now):\n    return now.time() > limit"),
    (lints.compares_secrets_in_constant_time, "import hmac\nhmac.compare_digest(given, row.token_hash)"),
    (lints.compares_secrets_in_constant_time, "account.password == 'locked'"),
    (lints.compares_secrets_in_constant_time, "account.password == Password.LOCKED"),
    (lints.compares_secrets_in_constant_time, "tokens_left == uses"),
    (lints.compares_secrets_in_constant_time, "select(people).where(people.c.id == token)"),
]


@pytest.mark.parametrize(("lint", "text"), BAD)
def test_a_lint_complains_about_a_bad_example(lint: Lint, text: str) -> None:
    assert list(lint(parse(text)))


@pytest.mark.parametrize(("lint", "text"), GOOD)
def test_a_lint_leaves_good_code_alone(lint: Lint, text: str) -> None:
    assert [str(complaint) for complaint in lint(parse(text))] == []


def test_a_complaint_names_file_function_and_line() -> None:
    (complaint,) = lints.runs_no_text_as_code(
        parse("class A:\n    def f(self):\n        eval('1')", "a/b.py")
    )
    assert str(complaint).startswith("a/b.py::A.f: line 3: eval()")
