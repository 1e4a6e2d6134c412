"""Read models as the pages get them: a seeded country, a bad host, a hostile one. Values only."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from vonggac_collector.enrolment_views import ApplicantRow, EnrolPage, TokenRow
from vonggac_collector.identity_views import Fork, ForkSide, KeyRow
from vonggac_collector.policy_views import Book, PolicyPage, Running, SignedRole
from vonggac_collector.views import (
    Class,
    DeductionRow,
    FindingRow,
    FixRow,
    HostPage,
    HostRow,
    LocalProfile,
    Overview,
    ProfileChangeRow,
    ReportRow,
    RuleFailure,
    RuleListRow,
    RulePage,
    Standing,
    SystemRow,
    TrendPoint,
    UnitLink,
    UnitPage,
    UnitRow,
    UnknownRow,
)
from vonggac_contract.finding import DOMAINS, Evidence

NOW = datetime(2026, 11, 23, 13, 5, tzinfo=UTC)
HOSTILE = "‮gpj.exe\x1b[31m<script>alert(1)</script>​\"'&\x00\n" + "é́́́́́́" + "長" * 700
PROVINCES = (
    ("01", "Hà Nội", "Hanoi"), ("04", "Cao Bằng", "Cao Bang"), ("08", "Tuyên Quang", "Tuyen Quang"),
    ("11", "Điện Biên", "Dien Bien"), ("12", "Lai Châu", "Lai Chau"), ("14", "Sơn La", "Son La"),
    ("15", "Lào Cai", "Lao Cai"), ("19", "Thái Nguyên", "Thai Nguyen"), ("20", "Lạng Sơn", "Lang Son"),
    ("22", "Quảng Ninh", "Quang Ninh"), ("24", "Bắc Ninh", "Bac Ninh"), ("25", "Phú Thọ", "Phu Tho"),
    ("31", "Hải Phòng", "Haiphong"), ("33", "Hưng Yên", "Hung Yen"), ("37", "Ninh Bình", "Ninh Binh"),
    ("38", "Thanh Hoá", "Thanh Hoa"), ("40", "Nghệ An", "Nghe An"), ("42", "Hà Tĩnh", "Ha Tinh"),
    ("44", "Quảng Trị", "Quang Tri"), ("46", "Huế", "Hue"), ("48", "Đà Nẵng", "Da Nang"),
    ("51", "Quảng Ngãi", "Quang Ngai"), ("52", "Gia Lai", "Gia Lai"), ("56", "Khánh Hoà", "Khanh Hoa"),
    ("66", "Đắk Lắk", "Dak Lak"), ("68", "Lâm Đồng", "Lam Dong"), ("75", "Đồng Nai", "Dong Nai"),
    ("79", "Hồ Chí Minh", "Ho Chi Minh"), ("80", "Tây Ninh", "Tay Ninh"), ("82", "Đồng Tháp", "Dong Thap"),
    ("86", "Vĩnh Long", "Vinh Long"), ("91", "An Giang", "An Giang"), ("92", "Cần Thơ", "Can Tho"),
    ("96", "Cà Mau", "Ca Mau"),
)  # fmt: skip
ROOT = UnitLink("vn", "Cả nước", "The whole country", True)
HOST_ID = "5a0f1c1e-3a51-4a53-9a11-0d6f43f3a111"


def grade_of(points: int | None) -> Class | None:
    if points is None:
        return None
    steps: tuple[tuple[int, Class], ...] = ((800_000, "A"), (650_000, "B"), (500_000, "C"), (350_000, "D"))
    return next((g for limit, g in steps if points > limit), "E")


def trend(chance: random.Random, end: int, days: int = 60) -> list[TrendPoint]:
    value, back = end, list[TrendPoint]()
    for i in range(days):
        gap = 20 <= i < 23
        back.append(TrendPoint(NOW.date() - timedelta(days=i), None if gap else max(0, min(10**6, value))))
        value += chance.randint(-9_000, 8_000)
    return back[::-1]


def unit_row(
    chance: random.Random, link: UnitLink, *, sufficient: bool = True, kind: str = "province"
) -> UnitRow:
    points = chance.randint(240_000, 910_000)
    standing = Standing(
        score=points,
        grade=grade_of(points) if sufficient else None,
        with_waivers=min(10**6, points + 12_000),
        coverage=chance.uniform(0.62, 1.0) if sufficient else chance.uniform(0.1, 0.55),
        freshness=chance.randint(600, 90_000),
        sufficient=sufficient,
        change=chance.randint(-80_000, 90_000) if sufficient else None,
    )
    hosts = chance.randint(6, 40)
    return UnitRow(
        link,
        standing,
        trend(chance, points),
        hosts,
        chance.randint(0, 4),
        chance.randint(0, 9),
        kind="province",
    )


def province(code: str) -> UnitLink:
    return next(UnitLink(c, vi, en, True) for c, vi, en in PROVINCES if c == code)


def overview() -> Overview:
    chance = random.Random(11)
    rows = [unit_row(chance, province(c), sufficient=c not in ("12", "96")) for c, _, _ in PROVINCES]
    enough = sorted((r for r in rows if r.standing.sufficient), key=lambda r: -(r.standing.score or 0))
    ranked = [ranked_row(r, i + 1, chance.randint(-3, 3)) for i, r in enumerate(enough)]
    changed = sorted(ranked, key=lambda r: r.standing.change or 0)
    whole = Standing(614_321, "C", 622_000, 0.91, 5_400, True, 21_500)
    return Overview(
        as_of=NOW,
        root=ROOT,
        standing=whole,
        trend=trend(chance, 614_321),
        ranked=ranked,
        insufficient=[r for r in rows if not r.standing.sufficient],
        tiles=rows,
        risen=changed[-1],
        fallen=changed[0],
        sample=True,
        own=own_row(chance, ROOT),
    )


def own_row(chance: random.Random, link: UnitLink) -> UnitRow:
    row = unit_row(chance, link)
    standing = msgspec.structs.replace(row.standing, change=None)
    return msgspec.structs.replace(row, trend=[], standing=standing, weight=6, own=True)


def ranked_row(row: UnitRow, rank: int, change: int) -> UnitRow:
    return UnitRow(
        row.unit, row.standing, row.trend, row.hosts, row.silent, row.critical, rank, change, row.kind
    )


def empty_overview() -> Overview:
    nothing = Standing(None, None, None, 0.0, None, False)
    return Overview(
        NOW, UnitLink("vn", "Cả nước", "The whole country", False), nothing, [], [], [], [], None, None, False
    )


RULES = (
    (
        "linux.ssh.root-login",
        "Không cho root đăng nhập qua SSH bằng mật khẩu",
        "Root does not sign in over SSH with a password",
        "high",
        "access",
    ),
    (
        "linux.updates.security-pending",
        "Không còn bản vá bảo mật chờ cài",
        "No security update is waiting",
        "critical",
        "patching",
    ),
    (
        "linux.network.telnet-absent",
        "Không có dịch vụ telnet",
        "There is no telnet service",
        "critical",
        "exposure",
    ),
    (
        "linux.tls.certificate-expiry",
        "Chứng thư số còn hạn ít nhất 30 ngày",
        "Certificates are valid for 30 more days",
        "high",
        "tls",
    ),
    (
        "linux.audit.rules",
        "auditd ghi lại thay đổi tài khoản và quyền",
        "auditd records changes of accounts and rights",
        "medium",
        "logging",
    ),
    (
        "linux.firewall.default-drop",
        "Tường lửa chặn mặc định kết nối vào",
        "The firewall drops inbound packets by default",
        "high",
        "protection",
    ),
    ("linux.kernel.syncookies", "Bật chống tấn công SYN flood", "SYN cookies are on", "low", "configuration"),
    (
        "linux.accounts.password-age",
        "Mật khẩu phải đổi định kỳ",
        "Passwords have to be changed from time to time",
        "medium",
        "access",
    ),
)
WHY = {
    "vi": "Người tấn công thử mật khẩu của root suốt ngày đêm; vào bằng root thì nhật ký không cho biết ai đã làm gì.",
    "en": "Attackers try root's password day and night; and when root signs in, the log does not tell who it was.",
}
FIX_VI = """\
Đặt trong `/etc/ssh/sshd_config.d/10-root.conf`:
  PermitRootLogin prohibit-password
Nạp lại dịch vụ:
  sudo sshd -t && sudo systemctl reload ssh
Kiểm tra:
  sudo sshd -T | grep -i permitrootlogin
"""
FIX_EN = """\
Put into `/etc/ssh/sshd_config.d/10-root.conf`:
  PermitRootLogin prohibit-password
Reload the service:
  sudo sshd -t && sudo systemctl reload ssh
Check:
  sudo sshd -T | grep -i permitrootlogin
"""
FIX = {"vi": FIX_VI, "en": FIX_EN}


def deductions(total: int, hosts: int = 3) -> list[DeductionRow]:
    chance = random.Random(5)
    cuts = sorted(chance.sample(range(1, total), 13))
    parts = [b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)]
    rows = [
        DeductionRow(
            "rule", RULES[i % len(RULES)][0], RULES[i % len(RULES)][1], RULES[i % len(RULES)][2], p, hosts
        )
        for i, p in enumerate(parts[:-2])
    ]
    rows.append(DeductionRow("silence", "silence", "Máy im lặng", "Silent hosts", parts[-2], 1))
    rows.append(
        DeductionRow(
            "cap",
            "end-of-life",
            "Hệ điều hành hết hỗ trợ: tối đa 50 điểm",
            "End-of-life system: at most 50",
            parts[-1],
            1,
        )
    )
    return rows


def host_row(i: int, *, silent: bool = False, sample: bool = True) -> HostRow:
    name = HOSTILE if i == 3 else f"may-chu-{i:02d}.so-tttt.example"
    looked = None if i == 7 else NOW - timedelta(days=20 if silent else 0, hours=i)
    return HostRow(
        f"{i:08x}-3a51-4a53-9a11-0d6f43f3a111",
        name,
        None if i == 7 else 400_000 + 30_000 * i,
        looked,
        silent or i == 7,
        12 - i % 9,
        i % 3,
        "Debian GNU/Linux 12 (bookworm)",
        "Cổng dịch vụ công",
        sample,
    )


def system() -> SystemRow:
    return SystemRow("s-1", "Cổng dịch vụ công trực tuyến", "Public service portal", 3, 561_200, 9, True)


LONG_RULE = RuleListRow(
    "linux.accounts.dot-files",
    {
        "vi": "Tệp khởi động của shell trong thư mục nhà chỉ chủ của nó sửa được, kể cả khi thư mục nhà ở máy khác",
        "en": "Start-up files of the shell in a home can be changed by their owner only, even where it lies elsewhere",
    },
    "medium",
    "access",
    4,
    250,
    9,
)


def unit() -> UnitPage:
    chance = random.Random(3)
    link = UnitLink(
        "48-stttt", "Sở Khoa học và Công nghệ Đà Nẵng", "Department of Science and Technology, Da Nang", True
    )
    fixes = [
        FixRow(r, vi, en, severity, 1 + i, 41_000 - 4_000 * i)
        for i, (r, vi, en, severity, _) in enumerate(RULES)
    ]
    return UnitPage(
        as_of=NOW,
        unit=link,
        path=[ROOT, province("48")],
        standing=Standing(561_234, "C", 570_000, 0.86, 7_200, True, -13_400),
        trend=trend(chance, 561_234),
        deductions=deductions(10**6 - 561_234),
        fixes=fixes,
        systems=[system(), SystemRow("s-2", "Thư điện tử công vụ", "Official e-mail", 2, None, 0, True)],
        hosts=[host_row(i, silent=i == 5) for i in range(1, 10)],
        hosts_total=14,
        children=[
            unit_row(chance, UnitLink(f"48-x{i}", f"Trung tâm {i}", f"Centre {i}", True)) for i in range(3)
        ],
        unknown=[
            UnknownRow("permission-denied", 4, 6, rules()[:3]),
            UnknownRow("no-value", 1, 1, [LONG_RULE]),
        ],
        own=own_row(chance, link),
    )


def finding(i: int, outcome: str, **more: object) -> FindingRow:
    rule, vi, en, severity, domain = RULES[i % len(RULES)]
    evidence = [Evidence("sshd.effective permitrootlogin", ["no", "prohibit-password"], "yes", "one_of")]
    if i % 3 == 1:
        evidence = [
            Evidence(
                "package.updates pending",
                0,
                34,
                "at_most",
                [f"libssl{n} 3.0.11-1~deb12u{n}" for n in range(20)],
                34,
            )
        ]
    return FindingRow(
        rule=rule,
        outcome=outcome,
        reason="permission-denied"
        if outcome == "unknown"
        else "condition"
        if outcome == "not-applicable"
        else "",
        detail="/etc/shadow: EACCES" if outcome == "unknown" else "",
        severity=severity,
        domain=domain,
        title={"vi": vi, "en": en},
        why=WHY,
        fix=FIX,
        evidence=evidence if outcome in ("fail", "partial") else [],
        passed=3 if outcome == "partial" else 0,
        of=5 if outcome == "partial" else 0,
        since=NOW - timedelta(days=3 + i),
        points=0 if outcome in ("pass", "not-applicable") else 31_250 - 1_000 * i,
        waived_until=date(2027, 1, 31) if more.get("waived") else None,
    )


def reports() -> list[ReportRow]:
    digests = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(14)]
    return [
        ReportRow(
            1,
            n,
            digests[n],
            digests[n - 1] if n > 1 else None,
            NOW - timedelta(days=13 - n, minutes=4),
            NOW - timedelta(days=13 - n),
            digests[0],
            "pending" if n == 12 else "fork" if n == 9 else "committed",
            digests[n] if n < 12 else "",
            18_200 + n,
        )
        for n in range(12, 0, -1)
    ]


def sections() -> dict[str, object]:
    packages = [[f"lib-goi-{i}", f"1:{i}.2-1~deb12u1", "amd64", ""] for i in range(789)]
    certificate = {
        "subject": "CN=cong.example",
        "issuer": "CN=cong.example",
        "names": ["cong.example"],
        "not_before": "2025-01-01T00:00:00Z",
        "not_after": "2026-12-01T00:00:00Z",
        "key_type": "rsa",
        "key_bits": 2048,
        "signature": "sha256",
        "self_signed": True,
        "sha256": "ab" * 32,
    }
    return {
        "host": {
            "hostname": "may-chu-01",
            "machine_id": "x",
            "architecture": "x86_64",
            "addresses": ["10.1.2.3"],
            "memory": 8 * 2**30,
            "cpus": 4,
            "container": "",
        },
        "os": {
            "id": "debian",
            "version": "12",
            "codename": "bookworm",
            "name": "Debian GNU/Linux 12 (bookworm)",
            "family": "debian",
        },
        "support": {
            "product": "debian",
            "cycle": "12",
            "support_end": "2026-06-10",
            "extended_end": "2028-06-30",
        },
        "kernel": {
            "release": "6.1.0-28-amd64",
            "newest_installed": "6.1.0-31-amd64",
            "reboot_required": True,
            "reboot_because": ["linux-image-amd64"],
        },
        "packages": {"manager": "dpkg", "packages": packages},
        "updates": {
            "pending": [
                {"name": "openssl", "installed": "3.0.11", "candidate": "3.0.15", "security": True},
                {"name": HOSTILE, "installed": "1", "candidate": "2", "security": False},
            ],
            "security_pending": 1,
        },
        "sockets": {
            "sockets": [
                {
                    "protocol": "tcp",
                    "address": "0.0.0.0",
                    "port": 22,
                    "scope": "any",
                    "process": "sshd",
                    "user": "root",
                    "package": "openssh-server",
                },
                {"protocol": "tcp", "address": "127.0.0.1", "port": 5432, "scope": "loopback"},
            ],
            "owners_hidden": 1,
        },
        "tls": {
            "endpoints": [
                {
                    "address": "127.0.0.1",
                    "port": 443,
                    "scope": "any",
                    "process": "nginx",
                    "version": "TLSv1.3",
                    "cipher": "TLS_AES_256_GCM_SHA384",
                    "oldest_version": "TLSv1.2",
                    "certificate": certificate,
                },
            ],
            "asked": 2,
            "silent": [],
        },
        "accounts": {"unavailable": "permission-denied", "detail": "/etc/shadow"},
    }


def local_profile(*, changes: int = 3, title: str = "") -> LocalProfile:
    """A province's own profile: a threshold set, a rule dropped, one added, and more thresholds up to `changes`."""
    ids = [(r, {"vi": vi, "en": en}) for r, vi, en, _, _ in RULES]
    rows = [
        ProfileChangeRow(
            "dropped", *ids[2], reason={"vi": "Máy in của sở dùng dịch vụ này.", "en": "The printers use it."}
        ),
        ProfileChangeRow(
            "set",
            *ids[1],
            "cycle",
            {"vi": "Chu kỳ cài bản vá", "en": "Cycle of patching"},
            {"vi": "1 tháng", "en": "1 month"},
            {"vi": "2 tuần", "en": "2 weeks"},
            direction="tighter",
        ),
        ProfileChangeRow("added", *ids[0]),
    ]
    rows += [msgspec.structs.replace(rows[1], parameter=f"cycle-{i}") for i in range(changes - 3)]
    own = {"vi": title or "Thành phố Đà Nẵng, cấp độ 3", "en": title or "Da Nang City, level 3"}
    base = {"vi": "TCVN 14423:2026, hệ thống thông tin cấp độ 3", "en": "TCVN 14423:2026, systems of level 3"}
    return LocalProfile("da-nang-level3", own, 3, "tcvn14423-level3", base, True, rows)


def host(*, findings: int = 8, hostname: str = "cong-dich-vu-01.so-khcn.example") -> HostPage:
    rows = [finding(i, "fail") for i in range(findings)]
    rows += [finding(6, "partial"), finding(4, "unknown"), finding(7, "fail", waived=True)]
    rows += [finding(i, "pass") for i in range(26)] + [finding(i, "not-applicable") for i in range(5)]
    return HostPage(
        as_of=NOW,
        id=HOST_ID,
        hostname=hostname,
        unit=unit().unit,
        path=unit().path,
        system=system(),
        profile="tcvn14423-level3",
        level=3,
        os="Debian GNU/Linux 12 (bookworm)",
        score=432_100,
        effective=401_000,
        domains={d: 120_000 * (i + 1) for i, d in enumerate(DOMAINS)},
        deductions=deductions(10**6 - 432_100, 1),
        findings=rows,
        sections=sections(),
        section_times=dict.fromkeys(sections(), NOW - timedelta(hours=2)),
        reports=reports(),
        reports_total=44,
        looked_at=NOW - timedelta(minutes=12),
        last_heartbeat=NOW - timedelta(minutes=12),
        agent_state="active",
        agent_version="0.1.0",
        flags=["clock-ahead"],
        sample=True,
    )


def silent_host() -> HostPage:
    nothing: dict[str, object] = {}
    return HostPage(
        as_of=NOW,
        id=HOST_ID,
        hostname=HOSTILE,
        unit=unit().unit,
        path=[],
        system=None,
        profile="",
        level=1,
        os="",
        score=None,
        effective=None,
        domains={},
        deductions=[],
        findings=[],
        sections=nothing,
        section_times={},
        reports=[],
        reports_total=0,
        looked_at=None,
        last_heartbeat=None,
        agent_state="quarantined",
        agent_version="",
        flags=[],
        sample=False,
    )


def forked() -> HostPage:
    """The sample's machine, which was copied to another building."""
    at = NOW - timedelta(hours=5)
    here = ForkSide(41, "a1" * 32, "b2" * 32, at, at, "web-01", "c3" * 32, ["10.1.4.20"], "0.1.0")
    other = msgspec.structs.replace(
        here,
        digest="d4" * 32,
        received_at=at + timedelta(hours=1),
        hostname="web-01-copy",
        addresses=["10.9.0.7"],
    )
    keys = [KeyRow("e5" * 32, 2, NOW - timedelta(days=40), None),
            KeyRow("f6" * 32, 1, NOW - timedelta(days=400), NOW - timedelta(days=40))]  # fmt: skip
    fork = Fork(here, other, ["hostname", "addresses", "host"])
    return msgspec.structs.replace(host(), agent_state="quarantined", fork=fork, keys=keys)


def rule() -> RulePage:
    rule_id, vi, en, severity, domain = RULES[0]
    return RulePage(
        as_of=NOW,
        id=rule_id,
        title={"vi": vi, "en": en},
        why=WHY,
        fix={
            "debian": FIX,
            "redhat": {
                "vi": "1. Sửa tệp.\n2. Nạp lại dịch vụ.",
                "en": "1. Edit the file.\n2. Reload the service.",
            },
        },
        severity=severity,
        domain=domain,
        platform="linux",
        asks={
            "vi": "`sshd.effective` `permitrootlogin` là một trong: no, prohibit-password.",
            "en": "`sshd.effective` `permitrootlogin` is one of: no, prohibit-password.",
        },
        parameters={"max_age_days": {"level1": 180, "level2": 90, "level3": 90}},
        maps={"cis": ["5.1.20"], "nist80053": ["AC-6"]},
        clauses={3: ["5.2.2.4 a"], 4: ["6.2.2.4 a", "6.2.2.4 b"]},
        profiles=["level1", "level2", "level3", "level4", "level5"],
        counts={"pass": 210, "fail": 31, "partial": 0, "unknown": 4, "not-applicable": 12},
        failures=[RuleFailure(province(c), 3, 1, 22, [host_row(1), host_row(3)]) for c in ("01", "48", "79")],
    )


def rules() -> list[RuleListRow]:
    return [
        RuleListRow(r, {"vi": vi, "en": en}, s, d, 31 - 3 * i, 250, i % 3)
        for i, (r, vi, en, s, d) in enumerate(RULES)
    ]


def tokens() -> list[TokenRow]:
    def token(i: int, uses: int, expires: datetime, revoked: bool) -> TokenRow:
        return TokenRow(
            f"{i:016x}", province("48"), "", uses, expires, "admin", NOW - timedelta(days=3), revoked
        )

    later = NOW + timedelta(days=5)
    return [
        token(1, 3, later, False),
        token(2, 0, later, False),
        token(3, 1, NOW, False),
        token(4, 1, later, True),
    ]


def applicants() -> list[ApplicantRow]:
    """One that waits and says hostile things of itself, and one of each decision."""

    def applicant(i: int, state: str, **more: Any) -> ApplicantRow:
        values: dict[str, Any] = {
            "keyid": hashlib.sha256(str(i).encode()).hexdigest(),
            "unit": province("48"),
            "system": system().id,
            "host": "",
            "hostname": f"web-{i:02}",
            "machine_id": f"{i:032x}",
            "platform": "linux",
            "agent_version": "0.1.0",
            "address": f"10.0.0.{i}",
            "requested_at": NOW - timedelta(hours=i),
            "asked_at": NOW - timedelta(minutes=i),
            "expires_at": NOW + timedelta(days=13),
            "state": state,
            "decided_by": "",
            "decided_at": None,
            "reason": "",
        }
        return ApplicantRow(**values | more)

    decided: dict[str, Any] = {"decided_by": "nguyen.van.an", "decided_at": NOW - timedelta(hours=1)}
    return [
        applicant(1, "waiting", hostname=HOSTILE[:255], machine_id="<b>", address="<i>"),
        applicant(2, "waiting"),
        applicant(3, "approved", host="7f0e1f54-0000-4000-8000-000000000001", **decided),
        applicant(4, "refused", reason="Không phải máy của đơn vị", **decided),
        applicant(5, "expired"),
    ]


def policy() -> PolicyPage:
    return PolicyPage(
        NOW,
        Book("4c" * 32, "2026.11", NOW - timedelta(days=40)),
        Book("d1" * 32, "2026.12", NOW - timedelta(days=2)),
        10,
        34,
        [
            SignedRole("root", NOW + timedelta(days=700), over=False),
            SignedRole("targets", NOW - timedelta(days=1), over=True),
            SignedRole("timestamp", NOW + timedelta(days=1), over=False),
        ],
        tops=[province("48")],
        running=[
            Running("4c" * 32, "2026.11", "in-force", 1204),
            Running("d1" * 32, "2026.12", "tried", 133),
            Running("fe" * 32, "", "unknown", 1),
        ],
        own_keys=["policy-root.key", "policy-targets.key"],
    )


def enrol() -> EnrolPage:
    return EnrolPage(
        NOW,
        [province(c) for c, _, _ in PROVINCES],
        [system()],
        tokens(),
        [host_row(1, sample=False), host_row(3)],
        "https://vonggac.example:8443",
        "ab" * 32,
        applicants=applicants(),
        applicants_waiting=2,
    )
