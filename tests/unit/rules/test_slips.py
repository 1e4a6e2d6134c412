"""Each slip that an author may make in a rule, its cases or a profile: one error, with its place and what would fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from vonggac_rules.pack import load_pack
from vonggac_rules.soundness import unsound

RULE = """\
id: linux.ssh.example
title: {vi: "Tiêu đề", en: Title}
why: {vi: "Vì sao", en: Why}
fix: {vi: "Cách sửa", en: Fix}
severity: high
domain: access
applies:
  platform: linux
  when: {fact: package.installed, name: openssh-server, is: true}
check:
  all:
    - {fact: sshd.effective, field: permitrootlogin, one_of: ["no", prohibit-password]}
    - {fact: sshd.effective, field: maxauthtries, at_most: "${tries}"}
    - fact: socket.listening
      field: sockets
      where: {field: scope, equals: any}
      none: {field: port, one_of: [23, 512]}
parameters:
  tries: {default: 4, about: {vi: "Số lần thử", en: Tries}}
maps: {tcvn14423: [access.password-policy]}
"""
CASES = """\
pass-all-well:
  facts:
    - {fact: package.installed, name: openssh-server, value: {installed: true}}
    - {fact: sshd.effective, value: {permitrootlogin: "no", maxauthtries: 3}}
    - {fact: socket.listening, value: {sockets: [{port: 22, scope: any}]}}
  expect: {outcome: pass}
fail-telnet:
  now: 2026-02-01T00:00:00Z
  parameters: {tries: 6}
  facts:
    - {fact: package.installed, name: openssh-server, value: {installed: true}}
    - {fact: sshd.effective, value: {permitrootlogin: "no", maxauthtries: 5}}
    - {fact: socket.listening, value: {sockets: [{port: 23, scope: any}]}}
  expect: {outcome: fail, evidence: {operator: none, total: 1}}
unknown-not-seen:
  facts:
    - {fact: package.installed, name: openssh-server, unavailable: timed-out}
  expect: {outcome: unknown, reason: timed-out}
"""
PROFILE = """\
id: example-level3
level: 3
title: {vi: "Hồ sơ", en: Profile}
source: {vi: "Nguồn", en: Source}
rules:
  linux.ssh.example: {tries: 4}
"""
LOCAL = """\
id: health-level3
extends: example-level3
title: {vi: "Y tế", en: Health}
replaces: true
set:
  linux.ssh.example: {tries: 3}
"""
FILES = {
    "linux.ssh.example.rule.yaml": RULE,
    "linux.ssh.example.cases.yaml": CASES,
    "example-level3.profile.yaml": PROFILE,
    "health-level3.profile.yaml": LOCAL,
}
OF = {RULE: "linux.ssh.example.rule.yaml", CASES: "linux.ssh.example.cases.yaml"} | {
    PROFILE: "example-level3.profile.yaml",
    LOCAL: "health-level3.profile.yaml",
}

SLIPS = [
    (
        RULE,
        "en: Title",
        'en: "Ti\\etle"',
        "2:24",
        "U+001B acts on a terminal or on the direction of a text, and shows nothing",
        "remove the escape",
    ),
    (
        RULE,
        'vi: "Vì sao"',
        'vi: "Vì\\u200Fsao"',
        "3:7",
        "U+200F acts on a terminal or on the direction of a text, and shows nothing",
        "remove the escape",
    ),
    (
        RULE,
        "en: Fix",
        'en: "Fix\\r"',
        "4:23",
        "U+000D acts on a terminal or on the direction of a text, and shows nothing",
        "remove the escape",
    ),
    (
        RULE,
        "en: Tries",
        'en: "\\x9bTries"',
        "19:49",
        "U+009B acts on a terminal or on the direction of a text, and shows nothing",
        "remove the escape",
    ),
    (
        PROFILE,
        "en: Profile",
        'en: "\\eProfile"',
        "3:22",
        "U+001B acts on a terminal or on the direction of a text, and shows nothing",
        "remove the escape",
    ),
    (
        PROFILE,
        "en: Source",
        'en: "Source\\u2066"',
        "4:23",
        "U+2066 acts on a terminal or on the direction of a text, and shows nothing",
        "remove the escape",
    ),
    (
        RULE,
        "field: permitrootlogin",
        "field: permitrotlogin",
        "12:30",
        "no field 'permitrotlogin'",
        "did you mean permitrootlogin",
    ),
    (
        RULE,
        "fact: sshd.effective, field: p",
        "fact: ssh.effective, field: p",
        "12:8",
        "no fact is called 'ssh.effective'",
        "did you mean sshd.effective",
    ),
    (
        RULE,
        '["no", prohibit',
        "[no, prohibit",
        "12:54",
        "False is no text",
        "put it in quotes (in YAML a bare yes, no, on, off or number is no text)",
    ),
    (
        RULE,
        "prohibit-password]",
        "prohibit-passwords]",
        "12:54",
        "the field can never be 'prohibit-passwords'",
        "did you mean prohibit-password?",
    ),
    (
        RULE,
        'at_most: "${tries}"',
        "at_most: many",
        "13:51",
        "'many' is a text, and the field is a plain number",
        "the field is int: write a number without quotes",
    ),
    (
        RULE,
        'at_most: "${tries}"',
        "at_most: PT5M",
        "13:51",
        "'PT5M' is a text, and the field is a plain number",
        "the field is int: write a number without quotes",
    ),
    (
        RULE,
        'at_most: "${tries}"',
        'at_most: "${trys}"',
        "13:51",
        "no parameter 'trys'",
        "did you mean tries?",
    ),
    (
        RULE,
        'at_most: "${tries}"',
        "older_than: P1D",
        "13:51",
        "'older_than' can't be asked of int",
        "it takes equals, one_of, at_least, at_most, between, exists, absent",
    ),
    (
        RULE,
        'at_most: "${tries}"',
        "at_mots: 4",
        "13:51",
        "no key 'at_mots' here",
        "did you mean at_most",
    ),
    (RULE, 'at_most: "${tries}"', "at_most: 4", "19:3", "parameter 'tries' is used nowhere", "drop it"),
    (
        RULE,
        'at_most: "${tries}"',
        "at_most: 4, at_least: 1",
        "13:7",
        "a comparison has one operator or one quantifier; here is at_least, at_most",
        "the field is int: it takes equals, one_of, at_least, at_most, between, exists, absent",
    ),
    (RULE, 'at_most: "${tries}"', "between: [4, 1]", "13:51", "4 is above 1", "write the lower one first"),
    (
        RULE,
        'at_most: "${tries}"',
        "between: 4",
        "13:51",
        "here stands a list with at least one value",
        "write [first, second]",
    ),
    (
        RULE,
        'at_most: "${tries}"',
        "exists: true",
        "13:51",
        "the field always has a value, so this can't differ",
        "drop this comparison",
    ),
    (
        RULE,
        'at_most: "${tries}"',
        "one_of: []",
        "13:51",
        "here stands a list with at least one value",
        "write [first, second]",
    ),
    (
        RULE,
        "field: maxauthtries",
        "field: maxauthtries.value",
        "13:30",
        "'value' asks for a field of int",
        "drop what follows the last dot",
    ),
    (
        RULE,
        "field: maxauthtries, ",
        "",
        "13:7",
        "sshd.effective has no main field",
        "write `field: …`; there is: allow",
    ),
    (
        RULE,
        'permitrootlogin, one_of: ["no", prohibit-password]',
        'banner, matches: "(?=x)"',
        "12:45",
        "RE2 refuses the pattern: invalid perl operator: (?=",
        "look-around and back-references are not in RE2",
    ),
    (
        RULE,
        "severity: high",
        "severity: hgih",
        "5:1",
        "'hgih' is none of critical, high, medium, low",
        "did you mean high?",
    ),
    (RULE, "domain: access", "domian: access", "6:1", "no key 'domian' here", "did you mean domain?"),
    (
        RULE,
        "domain: access",
        "domain: acces",
        "6:1",
        "'acces' is none of patching, exposure, tls, configuration, access, logging, protection",
        "did you mean access?",
    ),
    (
        RULE,
        "domain: access\n",
        "",
        "1:1",
        "'domain' is missing",
        "a rule has id, title, why, fix, severity, domain, applies, check, maps",
    ),
    (
        RULE,
        "id: linux.ssh.example",
        "id: SSH",
        "1:1",
        "'SSH' is no rule id",
        "write <platform>.<topic>.<name>, lower case",
    ),
    (
        RULE,
        "id: linux.ssh",
        "id: windows.ssh",
        "1:1",
        "the id says another platform than linux",
        "begin it with linux. or change `platform`",
    ),
    (
        RULE,
        "platform: linux",
        "platform: linus",
        "8:3",
        "'linus' is none of linux, windows",
        "did you mean linux",
    ),
    (RULE, "platform: linux", "platfrom: linux", "8:3", "no key 'platfrom' here", "did you mean platform?"),
    (RULE, ", en: Title", "", "2:1", "the text in 'en' is missing", "write both vi and en"),
    (
        RULE,
        'fix: {vi: "Cách sửa", en: Fix}',
        'fix: {debain: {vi: "Cách sửa", en: Fix}}',
        "4:7",
        "no key 'debain' here",
        "did you mean debian?",
    ),
    (
        RULE,
        "is: true}",
        'is: "yes"}',
        "9:57",
        "'yes' is neither true nor false",
        "write true or false without quotes",
    ),
    (RULE, ", name: openssh-server", "", "9:3", "package.installed needs 'name'", "write `name: …`"),
    (
        RULE,
        "name: openssh-server",
        "names: openssh-server",
        "9:35",
        "no key 'names' here",
        "did you mean name",
    ),
    (RULE, "name: openssh-server", "name: 5", "9:35", "'name' takes a text, not 5", "put it in quotes"),
    (
        RULE,
        "default: 4",
        "default: four",
        "19:11",
        "'four' is a text, and the field is a plain number",
        "the field is int: write a number without quotes",
    ),
    (RULE, "default: 4, ", "", "19:3", "'default' is missing", "write {default: …, about: {vi: …, en: …}}"),
    (RULE, "about:", "abuot:", "19:23", "no key 'abuot' here", "did you mean about"),
    (RULE, "title: {", "title: &a {", "2:8", "tags and anchors are not taken", "write a plain value"),
    (
        RULE,
        "  all:",
        "  all: x",
        "12:12",
        "not YAML: mapping values are not allowed in this context",
        "check indentation and quotes here",
    ),
    (RULE, "  all:", "  al:", "11:3", "no key 'al' here", "did you mean all"),
    (
        RULE,
        "check:\n  all:",
        "check:\n  not:",
        "11:3",
        "a mapping of keys and values belongs here, not a list",
        "join them: `all: […]` or `any: […]`",
    ),
    (
        RULE,
        "[access.password-policy]",
        "access.password-policy",
        "20:8",
        "here stands a list of texts",
        'write ["5.1.20"], in quotes',
    ),
    (
        RULE,
        "{tcvn14423:",
        "{tcvn11930:",
        "20:8",
        "'tcvn11930' is none of tcvn14423, cis, nist80053",
        "did you mean tcvn14423?",
    ),
    (
        RULE,
        "field: sockets\n",
        "field: owners_hidden\n",
        "17:7",
        "'none' goes over a list; the field is int",
        "it takes equals, one_of, at_least, at_most, between, exists, absent",
    ),
    (
        RULE,
        "field: scope, equals",
        "fact: socket.listening, field: scope, equals",
        "16:15",
        "inside a quantifier only the element's fields can be asked",
        "name the field alone; join conditions on other facts with `all` outside",
    ),
    (
        RULE,
        "none: {field: port",
        "none: {field: prot",
        "17:14",
        "no field 'prot'",
        "did you mean port",
    ),
    (
        RULE,
        "none: {field: port, one_of: [23, 512]}",
        "none: {}",
        "17:7",
        "a comparison has one operator or one quantifier; here is none",
        "write {field: …, equals: …}; there is: address, package, pid, port, process, program, protocol, scope, user",
    ),
    (
        RULE,
        "none: {field: port, one_of: [23, 512]}",
        "count: {at_mots: 3}",
        "17:15",
        "no key 'at_mots' here",
        "did you mean at_most",
    ),
    (
        RULE,
        "none: {field: port, one_of: [23, 512]}",
        "count: 3",
        "17:7",
        "a mapping of keys and values belongs here, not '3'",
        "write {at_most: 3}, or another comparison",
    ),
    (
        RULE,
        "none: {field: port, one_of: [23, 512]}",
        "each: {field: port, at_least: 3}\n      score: half",
        "18:7",
        "'half' is none of fraction",
        "there is: fraction",
    ),
    (
        RULE,
        "none: {field: port, one_of: [23, 512]}",
        "none: {field: port, one_of: [23, 512]}\n      score: fraction",
        "18:7",
        "a fraction goes with `each`, at the top of the check or in its outermost `all`",
        "drop `score`, or ask `each`",
    ),
    (
        RULE,
        "where: {field: scope, equals: any}",
        "where: {field: scope, equals: anyone}",
        "16:29",
        "the field can never be 'anyone'",
        "did you mean any?",
    ),
    (
        RULE,
        "    - fact: socket.listening",
        "   - fact: socket.listening",
        "14:4",
        "not YAML: did not find expected key",
        "check indentation and quotes here",
    ),
    (
        RULE,
        'one_of: ["no", prohibit-password]',
        'one_of: ["no", prohibit-password], where: {field: x, is: true}',
        "12:89",
        "'where' goes with a quantifier",
        "write it beside each, any, none or count",
    ),
    (RULE, "is: true}", "is: true, unless: x}", "9:67", "no key 'unless' here", "did you mean exists?"),
    (
        RULE,
        "[23, 512]",
        "[telnet]",
        "17:27",
        "'telnet' is a text, and the field is a plain number",
        "the field is int: write a number without quotes",
    ),
    (RULE, "maps:", "parameters: {}\nmaps:", "20:1", "'parameters' is there twice", "keep one of the two"),
    (
        RULE,
        "id: linux.ssh.example",
        "id: linux.ssh.exemple",
        "1:1",
        "the file of linux.ssh.exemple is named linux.ssh.exemple.rule.yaml",
        "rename the file or the rule; an id is never used again for another demand",
    ),
    (
        RULE,
        'why: {vi: "Vì sao", en: Why}',
        "why: Why",
        "3:1",
        "a mapping of keys and values belongs here, not 'Why'",
        "write {vi: …, en: …}",
    ),
    (
        RULE,
        "equals: any}",
        "equals: any",
        "17:11",
        "not YAML: did not find expected ',' or '}'",
        "check indentation and quotes here",
    ),
    (
        RULE,
        "field: permitrootlogin, one_of",
        "permitrootlogin: x, one_of",
        "12:30",
        "'permitrootlogin' is a field and no key",
        "write {field: permitrootlogin, equals: …}, or another comparison",
    ),
    (
        RULE,
        "none: {field: port, one_of: [23, 512]}",
        "none: {port: 23}",
        "17:14",
        "'port' is a field and no key",
        "write {field: port, equals: …}, or another comparison",
    ),
    (
        RULE,
        "none: {field: port, one_of: [23, 512]}",
        "all: {field: port, one_of: [23, 512]}",
        "17:7",
        "'all' joins a list of conditions",
        "write `all: [{…}, {…}]`; every element of a list is asked by `each`",
    ),
    (
        RULE,
        "check:\n  all:",
        "check:\n  any: {field: port, equals: 3}\n  xx:",
        "12:3",
        "no key 'xx' here",
        "there is: ",
    ),
    (
        RULE,
        'at_most: "${tries}"',
        "at_most: -4",
        "13:51",
        "-4 is below 0, and the field never is",
        "the field is int: write a number without quotes, 0 or more",
    ),
    (
        RULE,
        'at_most: "${tries}"',
        "at_most: null",
        "13:51",
        "nothing is no number",
        "the field is int: write a number without quotes, 0 or more",
    ),
    (RULE, "default: 4", "default: -1", "19:11", "-1 is below 0, and the field never is", "the field is int"),
    (
        RULE,
        "none: {field: port, one_of: [23, 512]}",
        "count: {at_most: -1}",
        "17:15",
        "-1 is below 0, and the field never is",
        "the field is int: write a number without quotes, 0 or more",
    ),
    (
        CASES,
        "pass-all-well",
        "passes-all-well",
        "1:1",
        "'passes-all-well': a case is named <verdict>-<what>",
        "did you mean pass?",
    ),
    (
        CASES,
        "pass-all-well",
        "good",
        "1:1",
        "'good': a case is named <verdict>-<what>",
        "there is: fail, na, partial, pass, unknown",
    ),
    (
        CASES,
        "outcome: pass",
        "outcome: passed",
        "6:12",
        "the case is named for pass, and expects 'passed'",
        "write outcome: pass, or name the case for what it expects",
    ),
    (CASES, "outcome: pass", "outcom: pass", "6:12", "no key 'outcom' here", "did you mean outcome?"),
    (
        CASES,
        "expect: {outcome: pass}",
        "expects: {outcome: pass}",
        "6:3",
        "no key 'expects' here",
        "did you mean expect",
    ),
    (CASES, "  expect: {outcome: pass}\n", "", "1:1", "'expect' is missing", "a case has facts and expect"),
    (
        CASES,
        "expect: {outcome: pass}",
        "expect: pass",
        "6:3",
        "here stands a mapping, not 'pass'",
        "it has outcome, reason, evidence",
    ),
    (
        CASES,
        "maxauthtries: 3",
        "maxauthtrys: 3",
        "4:61",
        "SshdEffective has no field 'maxauthtrys'",
        "did you mean maxauthtries?",
    ),
    (
        CASES,
        "maxauthtries: 3",
        'maxauthtries: "3"',
        "4:61",
        "'maxauthtries' takes int, not '3'",
        "write a whole number without quotes, in the field's own unit",
    ),
    (
        CASES,
        'permitrootlogin: "no"',
        "permitrootlogin: no",
        "4:38",
        "'permitrootlogin' takes text, not False",
        "put it in quotes (in YAML a bare yes, no, on, off or number is no text)",
    ),
    (
        CASES,
        'permitrootlogin: "no"',
        "permitrootlogin: never",
        "4:38",
        "'permitrootlogin' can never be 'never'",
        "there is: forced-commands-only, no, prohibit-password, yes",
    ),
    (
        CASES,
        "installed: true",
        'installed: "yes"',
        "3:63",
        "'installed' takes bool, not 'yes'",
        "write true or false without quotes",
    ),
    (
        CASES,
        "sockets: [{port: 22",
        "sockets: {port: 22",
        "5:71",
        "not YAML: did not find expected ',' or '}'",
        "check indentation and quotes here",
    ),
    (
        CASES,
        "[{port: 22, scope: any}]",
        "[22]",
        "5:50",
        "here stand the fields of Listener, not 22",
        "write {protocol: …}",
    ),
    (
        CASES,
        "port: 22",
        "port: ssh",
        "5:51",
        "'port' takes int, not 'ssh'",
        "write a whole number without quotes, in the field's own unit",
    ),
    (CASES, "port: 22", "prt: 22", "5:51", "Listener has no field 'prt'", "did you mean port"),
    (
        CASES,
        "fact: sshd.effective",
        "fact: sshd.efective",
        "4:8",
        "no fact is called 'sshd.efective'",
        "did you mean sshd.effective",
    ),
    (CASES, "{fact: sshd.effective, value", "{value", "4:7", "no fact is named", "write `fact: <topic>`"),
    (
        CASES,
        "name: openssh-server",
        "name: openssh",
        "3:7",
        "the rule does not read package.installed{name: openssh}",
        "did you mean package.installed{name: openssh-server}?",
    ),
    (
        CASES,
        "name: openssh-server, ",
        "",
        "3:7",
        "package.installed needs 'name' as a text",
        "write `name: …`",
    ),
    (
        CASES,
        ", value: {installed: true}",
        "",
        "3:7",
        "a case's fact has either value or unavailable",
        "write `value: {…}`, or `unavailable: permission-denied`",
    ),
    (
        CASES,
        "value: {installed: true}",
        "unavailable: timed-out, value: {installed: true}",
        "3:7",
        "a case's fact has either value or unavailable",
        "write `value: {…}`, or `unavailable: permission-denied`",
    ),
    (
        CASES,
        "unavailable: timed-out",
        "unavailable: timeout",
        "17:55",
        "'timeout' is no reason why nobody could look",
        "did you mean timed-out?",
    ),
    (
        CASES,
        "reason: timed-out",
        "reason: timeout",
        "18:30",
        "'timeout' is no reason for unknown",
        "did you mean timed-out?",
    ),
    (
        CASES,
        "reason: timed-out",
        "reason: too-large",
        "18:30",
        "unknown-not-seen: expected reason too-large, got 'timed-out'",
        "mend the rule or the case",
    ),
    (
        CASES,
        "outcome: fail",
        "outcome: fail, reason: no-value",
        "14:27",
        "fail has no reason",
        "only unknown and not-applicable do",
    ),
    (
        CASES,
        "operator: none",
        "operater: none",
        "14:38",
        "no key 'operater' here",
        "did you mean operator",
    ),
    (
        CASES,
        "total: 1",
        "total: 2",
        "14:54",
        "fail-telnet: expected evidence total 2, got 1",
        "mend the rule or the case",
    ),
    (
        CASES,
        "parameters: {tries: 6}",
        "parameters: {trys: 6}",
        "9:16",
        "linux.ssh.example has no parameter 'trys'",
        "did you mean tries?",
    ),
    (
        CASES,
        "parameters: {tries: 6}",
        "parameters: {tries: six}",
        "9:16",
        "'six' is a text, and the field is a plain number",
        "the field is int: write a number without quotes",
    ),
    (
        CASES,
        "parameters: {tries: 6}",
        "parameter: {tries: 6}",
        "9:3",
        "no key 'parameter' here",
        "did you mean parameters?",
    ),
    (
        CASES,
        "parameters: {tries: 6}",
        "parameters: 6",
        "9:3",
        "here stand parameter values",
        "write {name: value}",
    ),
    (
        CASES,
        "now: 2026-02-01T00:00:00Z",
        "now: yesterday",
        "8:3",
        "`now` is a moment",
        "write 2026-01-31T00:00:00Z, with day and time",
    ),
    (
        CASES,
        "now: 2026-02-01T00:00:00Z",
        "now: 2026-02-01",
        "8:3",
        "`now` is a moment",
        "write 2026-01-31T00:00:00Z, with day and time",
    ),
    (
        CASES,
        '{fact: sshd.effective, value: {permitrootlogin: "no", maxauthtries: 3}}',
        "{fact: package.installed, name: openssh-server, value: {installed: true}}",
        "4:7",
        "package.installed{name: openssh-server} is given twice",
        "keep one of the two",
    ),
    (
        CASES,
        "fail-telnet",
        "pass-telnet",
        "14:12",
        "the case is named for pass, and expects 'fail'",
        "write outcome: pass, or name the case for what it expects",
    ),
    (
        CASES,
        "port: 23",
        "port: 24",
        "14:12",
        "fail-telnet: expected fail, got pass",
        "mend the rule or the case",
    ),
    (
        PROFILE,
        "linux.ssh.example",
        "linux.ssh.exampel",
        "6:3",
        "no rule 'linux.ssh.exampel'",
        "did you mean linux.ssh.example?",
    ),
    (
        PROFILE,
        "{tries: 4}",
        "{trys: 4}",
        "6:23",
        "linux.ssh.example has no parameter 'trys'",
        "did you mean tries?",
    ),
    (
        PROFILE,
        "{tries: 4}",
        "{tries: four}",
        "6:23",
        "'four' is a text, and the field is a plain number",
        "the field is int: write a number without quotes",
    ),
    (PROFILE, "{tries: 4}", "4", "6:3", "here stand parameter values, not 4", "write {} if there are none"),
    (PROFILE, "level: 3", "level: three", "2:1", "'three' is no level", "write a number from 1 to 5"),
    (PROFILE, "level: 3", "level: 6", "2:1", "6 is no level", "write a number from 1 to 5"),
    (PROFILE, "level: 3", "levle: 3", "2:1", "no key 'levle' here", "did you mean level?"),
    (PROFILE, "level: 3\n", "", "1:1", "'level' is missing", "a profile has id, level, title, source, rules"),
    (PROFILE, ", en: Profile", "", "3:1", "'title' has a text in vi and in en", "write {vi: …, en: …}"),
    (
        PROFILE,
        "rules:\n  linux.ssh.example: {tries: 4}",
        "rules: [linux.ssh.example]",
        "5:1",
        "'rules' is a mapping of rule ids",
        "write `<rule id>: {}` lines, with parameter values in {}",
    ),
    (
        PROFILE,
        "id: example-level3",
        "id: 3",
        "1:1",
        "3 is no profile id",
        "write a text such as health-level3",
    ),
    (
        LOCAL,
        "tries: 3",
        "tries: -3",
        "6:23",
        "-3 is below 0, and the field never is",
        "the field is int: write a number without quotes, 0 or more",
    ),
    (
        LOCAL,
        "id: health-level3",
        "id: health",
        "1:1",
        "the file of health is named health.profile.yaml",
        "rename the file or the profile",
    ),
    (
        LOCAL,
        "extends: example-level3",
        "extends: example-levl3",
        "2:1",
        "no complete profile is called 'example-levl3'",
        "a local profile extends a complete one; did you mean example-level3?",
    ),
    (
        LOCAL,
        "extends: example-level3",
        "extends: health-level3",
        "2:1",
        "profiles extend each other in a circle: health-level3 -> health-level3",
        "extend a complete profile",
    ),
    (
        LOCAL,
        "extends: example-level3\n",
        "",
        "1:1",
        "'extends' is missing",
        "a local profile has id, extends, title, replaces, set, add, drop",
    ),
    (
        LOCAL,
        "tries: 3",
        "tries: 4",
        "6:23",
        "example-level3 has this value already",
        "drop it, or set another value",
    ),
    (
        LOCAL,
        "tries: 3",
        "tries: three",
        "6:23",
        "'three' is a text, and the field is a plain number",
        "the field is int: write a number without quotes",
    ),
    (LOCAL, "{tries: 3}", "{}", "6:3", "no parameter is set", "write {name: value}"),
    (
        LOCAL,
        "linux.ssh.example: {tries",
        "linux.ssh.exmaple: {tries",
        "6:3",
        "no rule 'linux.ssh.exmaple'",
        "did you mean linux.ssh.example?",
    ),
    (
        LOCAL,
        "replaces: true",
        'replaces: "yes"',
        "4:1",
        "'yes' is neither true nor false",
        "write true or false",
    ),
    (
        LOCAL,
        "set:\n  linux.ssh.example: {tries: 3}\n",
        "",
        "1:1",
        "nothing differs from example-level3",
        "write `set`, `add` or `drop`",
    ),
    (
        LOCAL,
        "set:\n  linux.ssh.example: {tries: 3}\n",
        "drop:\n  linux.ssh.example: {vi: x}\n",
        "6:3",
        "'drop' has a text in vi and in en",
        "write {vi: …, en: …}",
    ),
    (
        LOCAL,
        "set:\n  linux.ssh.example: {tries: 3}\n",
        'drop:\n  linux.ssh.example: {vi: "x", en: x}\n',
        "5:1",
        "no rule is left",
        "keep at least one",
    ),
    (
        LOCAL,
        "set:\n",
        "add:\n",
        "6:3",
        "example-level3 asks linux.ssh.example already",
        "set its parameters under `set`",
    ),
    (LOCAL, "set:", "sett:", "5:1", "no key 'sett' here", "did you mean set?"),
    (
        LOCAL,
        "id: health-level3",
        "id: example-level3",
        "1:1",
        "profile example-level3 is there twice",
        "give one another id",
    ),
]


def told(folder: Path, changed: dict[str, str]) -> list[tuple[str, str]]:
    for name, text in (FILES | changed).items():
        (folder / name).write_text(text, encoding="utf-8")
    pack = load_pack(folder)
    errors = pack.errors + unsound(pack.rules, pack.profiles, pack.sources, pack.cases)
    return [(str(e), e.hint) for e in sorted(errors, key=lambda e: e.place)]


def test_the_files_hold_as_they_are(tmp_path: Path) -> None:
    assert told(tmp_path, {}) == []
    assert len(SLIPS) > 100


@pytest.mark.parametrize(("text", "old", "new", "place", "message", "hint"), SLIPS)
def test_a_slip_is_one_error_with_its_place_and_what_would_fit(
    tmp_path: Path, text: str, old: str, new: str, place: str, message: str, hint: str
) -> None:
    assert old in text
    errors = told(tmp_path, {OF[text]: text.replace(old, new, 1)})
    assert errors[0][0] == f"{OF[text]}:{place}: {message}"
    # Nothing is said of what else would nearly fit: that changes with every fact that is declared.
    assert errors[0][1].startswith(hint)
    # What a complete profile lacks, a local one that extends it lacks as well.
    assert len(errors) == 1 or (
        text is PROFILE and all("health-level3.profile.yaml" in e for e, _ in errors[1:])
    )


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("b", "a", "a.profile.yaml:2:1: profiles extend each other in a circle: a -> b -> a"),
        (
            "b",
            "example-level3",
            "a.profile.yaml:2:1: b is a local profile itself, which extends example-level3",
        ),
    ],
)
def test_a_local_profile_extends_no_other_local_one(
    tmp_path: Path, first: str, second: str, message: str
) -> None:
    head = (
        "id: %s\nextends: %s\n"
        + LOCAL[LOCAL.index("title") : LOCAL.index("replaces")]
        + LOCAL[LOCAL.index("set") :]
    )
    errors = told(tmp_path, {"b.profile.yaml": head % ("b", second), "a.profile.yaml": head % ("a", first)})
    assert errors[0][0] == message


def test_two_profiles_cannot_both_replace_that_of_a_level(tmp_path: Path) -> None:
    (tmp_path / "other-level3.profile.yaml").write_text(LOCAL.replace("health", "other", 1), encoding="utf-8")
    [(error, hint)] = told(tmp_path, {})
    assert error == "other-level3.profile.yaml:4:1: health-level3 replaces the profile of level 3 already"
    assert "only one" in hint
