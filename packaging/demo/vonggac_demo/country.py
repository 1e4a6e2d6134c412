"""The sample country: provinces from the table of units, agencies, systems and hosts by seeded chance. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Final, NamedTuple

ROOT: Final = "vn"
SEED: Final = 20261123
UNHEARD: Final = frozenset({"15", "68"})
"""Provinces whose machines have mostly fallen silent, so that a unit without enough data is shown too."""


class Agency(NamedTuple):
    """An agency that the sample gives a province."""

    slug: str
    name_vi: str
    name_en: str


class SampleSystem(NamedTuple):
    """An information system of an agency; `hosts`: archetype of each."""

    slug: str
    name_vi: str
    name_en: str
    level: int
    hosts: tuple[str, ...]


class SampleHost(NamedTuple):
    """One sample host: where it stands, what kind it is, how well it is kept (0 to 1), when it was last heard."""

    hostname: str
    province: str
    agency: str
    system: str | None
    archetype: str
    care: float
    criticality: int
    silent_days: int
    """How many days before now it was last heard; 0 for a host that reports, -1 for one never heard."""
    seed: int


AGENCIES: Final = (
    Agency("van-phong", "Văn phòng Ủy ban nhân dân", "Office of the People's Committee"),
    Agency("so-khcn", "Sở Khoa học và Công nghệ", "Department of Science and Technology"),
    Agency("so-y-te", "Sở Y tế", "Department of Health"),
    Agency("so-gddt", "Sở Giáo dục và Đào tạo", "Department of Education and Training"),
    Agency("so-tai-chinh", "Sở Tài chính", "Department of Finance"),
)
SYSTEMS: Final = {
    "van-phong": (
        SampleSystem("cong-tt", "Cổng thông tin điện tử", "Public web portal", 3, ("web", "database")),
        SampleSystem(
            "van-ban", "Quản lý văn bản và điều hành", "Document management", 3, ("app", "database")
        ),
    ),
    "so-khcn": (
        SampleSystem(
            "mot-cua", "Một cửa điện tử", "One-stop administrative services", 3, ("app", "database", "web")
        ),
        SampleSystem(
            "lgsp", "Nền tảng tích hợp, chia sẻ dữ liệu", "Data-sharing platform", 4, ("app", "database")
        ),
    ),
    "so-y-te": (
        SampleSystem("kham-chua-benh", "Quản lý khám, chữa bệnh", "Health records", 3, ("app", "database")),
    ),
    "so-gddt": (
        SampleSystem("tuyen-sinh", "Tuyển sinh trực tuyến", "Online admissions", 2, ("web", "database")),
    ),
    "so-tai-chinh": (SampleSystem("ngan-sach", "Quản lý ngân sách", "Budget management", 3, ("app", "old")),),
}


def hosts_of(province: str) -> list[SampleHost]:
    """The hosts of one province, always the same for the same code. `province`: official code of two digits."""
    chance = random.Random(f"{SEED}-{province}")
    province_care = chance.betavariate(2.6, 1.7)
    unheard = 0.9 if province in UNHEARD else 0.05
    found: list[SampleHost] = []
    for agency in agencies_of(province):
        care = min(1.0, max(0.0, chance.gauss(province_care, 0.13)))
        deaf = chance.random() < unheard
        number = 0
        for system in SYSTEMS[agency.slug]:
            for place, archetype in enumerate(system.hosts):
                number += 1
                found.append(
                    _host(
                        chance,
                        province,
                        agency.slug,
                        system.slug,
                        archetype,
                        care,
                        3 if place == 0 else 2,
                        number,
                        deaf,
                    )
                )
        if chance.random() < 0.25:
            found.append(_host(chance, province, agency.slug, None, "desktop", care, 1, number + 1, deaf))
    return found


def agencies_of(province: str) -> tuple[Agency, ...]:
    """Two or three agencies, the provincial office always among them."""
    chance = random.Random(f"{SEED}-agencies-{province}")
    others = chance.sample(AGENCIES[1:], chance.choice((1, 1, 2)))
    return (AGENCIES[0], *sorted(others, key=AGENCIES.index))


def _host(
    chance: random.Random, province: str, agency: str, system: str | None, archetype: str, care: float,
    criticality: int, number: int, deaf: bool,
) -> SampleHost:  # fmt: skip
    silent = 0
    if deaf or chance.random() < 0.05:
        silent = 20 if deaf else chance.choice((2, 5, 9))
    return SampleHost(
        hostname=f"{archetype}-{number:02d}.{agency}.{province}.mau.vn",
        province=province,
        agency=agency,
        system=system,
        archetype=archetype,
        care=min(1.0, max(0.0, chance.gauss(care, 0.1))),
        criticality=criticality,
        silent_days=silent,
        seed=chance.getrandbits(32),
    )


def country(provinces: Iterable[str]) -> list[SampleHost]:
    """Every sample host of the given provinces."""
    return [host for province in provinces for host in hosts_of(province)]
