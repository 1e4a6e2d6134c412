"""The 34 provinces and cities as equal tiles, laid out roughly as they lie, each a link in the colour of its class.

Codes are the official unit codes in force since the reform of 2025 (30/2026/QH16). The two archipelagos stand beside
the coast as what they are: special zones of Đà Nẵng and Khánh Hoà.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from markupsafe import Markup

from ..format import score
from ..language import Language, folded, translatable

_MAP: Final = (
    ("12", "Lai Châu", 1, 0), ("15", "Lào Cai", 2, 0), ("08", "Tuyên Quang", 3, 0),
    ("04", "Cao Bằng", 4, 0),
    ("11", "Điện Biên", 0, 1), ("14", "Sơn La", 1, 1), ("25", "Phú Thọ", 2, 1),
    ("19", "Thái Nguyên", 3, 1), ("20", "Lạng Sơn", 4, 1),
    ("01", "Hà Nội", 2, 2), ("24", "Bắc Ninh", 3, 2), ("22", "Quảng Ninh", 4, 2),
    ("37", "Ninh Bình", 2, 3), ("33", "Hưng Yên", 3, 3), ("31", "Hải Phòng", 4, 3),
    ("38", "Thanh Hoá", 2, 4),
    ("40", "Nghệ An", 1, 5), ("42", "Hà Tĩnh", 2, 5),
    ("44", "Quảng Trị", 2, 6), ("46", "Huế", 3, 6),
    ("48", "Đà Nẵng", 3, 7), ("51", "Quảng Ngãi", 4, 7),
    ("52", "Gia Lai", 4, 8),
    ("66", "Đắk Lắk", 4, 9), ("56", "Khánh Hoà", 5, 9),
    ("80", "Tây Ninh", 2, 10), ("75", "Đồng Nai", 3, 10), ("68", "Lâm Đồng", 4, 10),
    ("91", "An Giang", 0, 11), ("82", "Đồng Tháp", 1, 11), ("79", "Hồ Chí Minh", 2, 11),
    ("92", "Cần Thơ", 0, 12), ("86", "Vĩnh Long", 1, 12),
    ("96", "Cà Mau", 0, 13),
)  # fmt: skip
"""Unit code, name, column, row."""
PLACES: Final = {code: (column, row) for code, _, column, row in _MAP}
_BY_NAME: Final = {folded(name): code for code, name, _, _ in _MAP}
ARCHIPELAGOS: Final = (
    (translatable("Hoàng Sa"), "48", (5, 6)),
    (translatable("Trường Sa"), "56", (5, 11)),
)
"""Special zone, the province it belongs to, column and row."""
COLUMNS: Final = 6
PITCH_X, PITCH_Y = 60, 50
TILE_X, TILE_Y = 57, 47


class Tile(msgspec.Struct, frozen=True):
    """One province: `href` leads to its page; `points` and `grade` are None where data is insufficient."""

    code: str
    name: str
    href: str
    points: int | None
    grade: str | None


def map_code(code: str, name: str) -> str:
    """The official code of a province that a tree calls `code`: its last part, or what its name stands for."""
    last = code.rpartition("/")[2]
    return last if last in PLACES else _BY_NAME.get(folded(bare_name(name)), code)


def bare_name(name: str) -> str:
    """The name of a province or city without its kind, for a narrow tile."""
    for kind in ("Tỉnh ", "Thành phố "):
        name = name.removeprefix(kind)
    return name


def lines_of(name: str) -> tuple[str, str]:
    """A name in two lines for a narrow tile, broken between words."""
    words = name.split()
    if len(words) < 2 or len(name) <= 7:
        return name, ""
    middle = (len(words) + 1) // 2
    return " ".join(words[:middle]), " ".join(words[middle:])


def tile_grid(language: Language, tiles: Sequence[Tile]) -> Markup:
    """The grid. A unit whose code has no place follows below the map, so that none is ever left out."""
    placed = {t.code: t for t in tiles}
    rows = 1 + max(row for _, row in PLACES.values())
    strays = [t for t in tiles if t.code not in PLACES]
    inside = sorted((t for t in tiles if t.code in PLACES), key=lambda t: PLACES[t.code][::-1])
    drawn = [_tile(language, t, PLACES[t.code]) for t in inside]
    drawn += [
        _archipelago(language, name, placed[owner], place)
        for name, owner, place in ARCHIPELAGOS
        if owner in placed
    ]
    drawn += [_tile(language, t, (i % COLUMNS, rows + i // COLUMNS)) for i, t in enumerate(strays)]
    height = (rows + -(-len(strays) // COLUMNS)) * PITCH_Y
    return Markup('<svg class="tiles" viewBox="0 0 {} {}" role="group" aria-label="{}">{}</svg>').format(
        COLUMNS * PITCH_X,
        height,
        language.gettext("Provinces and cities by class"),
        Markup("").join(drawn),
    )


def _tile(language: Language, tile: Tile, place: tuple[int, int]) -> Markup:
    x, y = place[0] * PITCH_X, place[1] * PITCH_Y
    first, second = lines_of(tile.name)
    if tile.grade is None:
        told = language.gettext("%(name)s: insufficient data") % {"name": tile.name}
    else:
        told = language.gettext("%(name)s: class %(grade)s, score %(score)s") % {
            "name": tile.name, "grade": tile.grade, "score": score(language, tile.points),
        }  # fmt: skip
    grade = tile.grade or "none"
    hatch = (
        Markup('<path d="M0 30 30 0M10 47 57 0M35 47 57 25" class="hatch"/>') if tile.grade is None else ""
    )
    return Markup(
        '<a href="{}" class="tile tile-{}" aria-label="{}" transform="translate({} {})"><title>{}</title>'
        '<rect width="{}" height="{}" rx="2"/>{}<text x="5" y="14">{}</text><text x="5" y="26">{}</text>'
        '<text x="5" y="41" class="class">{}</text><text x="52" y="41" class="points">{}</text></a>'
    ).format(
        tile.href, grade, told, x, y, told, TILE_X, TILE_Y, hatch, first, second,
        tile.grade or "–", score(language, tile.points) if tile.grade else "",
    )  # fmt: skip


def _archipelago(language: Language, name: str, owner: Tile, place: tuple[int, int]) -> Markup:
    told = language.gettext("%(zone)s special zone, part of %(name)s") % {
        "zone": language.gettext(name), "name": owner.name,
    }  # fmt: skip
    first, second = lines_of(language.gettext(name))
    return Markup(
        '<a href="{}" class="tile zone tile-{}" aria-label="{}" transform="translate({} {})"><title>{}</title>'
        '<rect x="1" y="1" width="{}" height="{}" rx="2"/><text x="5" y="14">{}</text><text x="5" y="26">{}</text></a>'
    ).format(
        owner.href, owner.grade or "none", told, place[0] * PITCH_X, place[1] * PITCH_Y, told,
        TILE_X - 2, TILE_Y - 14, first, second,
    )  # fmt: skip
