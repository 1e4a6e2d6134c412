"""The words of `paragraph` in Vietnamese and English: subjects, predicates, numbers with units, lists, joints. Pure."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from vonggac_contract.facts import FactKey

from .duration import duration
from .explain import Language
from .types import FieldType

Both = dict[str, str]
_SENTENCES: Final[dict[str, Both]] = {
    "check": {"vi": "Đạt khi {c}.", "en": "Passes when {c}."},
    "when": {"vi": "Chỉ áp dụng khi {c}.", "en": "Applies only when {c}."},
    "fraction": {
        "vi": "Khi chỉ một số mục thỏa thì kết quả là đạt một phần.",
        "en": "Where only some entries hold, the outcome is partial.",
    },
}
STATES: Final[dict[tuple[str, str], dict[bool, Both]]] = {
    ("package.installed", "installed"): {
        True: {"vi": "gói `{s}` được cài", "en": "package `{s}` is installed"},
        False: {"vi": "gói `{s}` không được cài", "en": "package `{s}` is not installed"},
    },
    ("file.stat", "exists"): {
        True: {"vi": "`{s}` tồn tại", "en": "`{s}` exists"},
        False: {"vi": "`{s}` không tồn tại", "en": "`{s}` does not exist"},
    },
    ("kernel.module", "usable"): {
        True: {"vi": "mô-đun nhân `{s}` dùng được", "en": "kernel module `{s}` is usable"},
        False: {"vi": "mô-đun nhân `{s}` không dùng được", "en": "kernel module `{s}` is not usable"},
    },
}
"""Truths of a fact that have words of their own; `s` is what the selector names."""
_SUBJECTS: Final[dict[tuple[str, str], Both]] = {
    ("sysctl", "number"): {"vi": "tham số nhân `{s}`", "en": "kernel parameter `{s}`"},
    ("sysctl", "value"): {"vi": "tham số nhân `{s}`", "en": "kernel parameter `{s}`"},
    ("sysctl.configured", "number"): {
        "vi": "tham số nhân `{s}` trong tệp cấu hình",
        "en": "kernel parameter `{s}` as configured",
    },
    ("sysctl.configured", "value"): {
        "vi": "tham số nhân `{s}` trong tệp cấu hình",
        "en": "kernel parameter `{s}` as configured",
    },
}
_WORDS: Final[dict[str, Both]] = {
    "of": {"vi": "`{f}` của `{s}`", "en": "`{f}` of `{s}`"},
    "all": {"vi": "và", "en": "and"},
    "any": {"vi": "hoặc", "en": "or"},
    "true": {"vi": "đúng", "en": "true"},
    "false": {"vi": "sai", "en": "false"},
    "empty": {"vi": "để trống", "en": "empty"},
    "ahead": {"vi": "{n} tới", "en": "{n} ahead"},
    "where": {"vi": " mà {c}", "en": " where {c}"},
    "where bare": {"vi": " mà giá trị {c}", "en": " that {c}"},
    "count": {"vi": "số mục của {f}{w} {c}", "en": "the number of entries of {f}{w} {c}"},
    "each": {"vi": "mọi mục của {f}{w} đều có {c}", "en": "for every entry of {f}{w}: {c}"},
    "any ": {"vi": "ít nhất một mục của {f}{w} có {c}", "en": "for at least one entry of {f}{w}: {c}"},
    "none": {"vi": "không mục nào của {f}{w} có {c}", "en": "for no entry of {f}{w}: {c}"},
    "each bare": {"vi": "mọi mục của {f}{w} đều {c}", "en": "every entry of {f}{w} {c}"},
    "any bare": {"vi": "ít nhất một mục của {f}{w} {c}", "en": "at least one entry of {f}{w} {c}"},
    "none bare": {"vi": "không mục nào của {f}{w} {c}", "en": "no entry of {f}{w} {c}"},
}
_PREDICATES: Final[dict[str, dict[bool, Both]]] = {
    "is": {True: {"vi": "là {v}", "en": "is {v}"}},
    "equals": {True: {"vi": "là {v}", "en": "is {v}"}, False: {"vi": "khác {v}", "en": "is not {v}"}},
    "equals number": {
        True: {"vi": "bằng {v}", "en": "is {v}"},
        False: {"vi": "khác {v}", "en": "is not {v}"},
    },
    "empty": {
        True: {"vi": "để trống", "en": "is empty"},
        False: {"vi": "không để trống", "en": "is not empty"},
    },
    "one_of": {
        True: {"vi": "là {v}", "en": "is {v}"},
        False: {"vi": "không phải là {v}", "en": "is neither {v}"},
    },
    "one_of number": {
        True: {"vi": "bằng {v}", "en": "is {v}"},
        False: {"vi": "khác {v}", "en": "is neither {v}"},
    },
    "at_least": {
        True: {"vi": "ít nhất là {v}", "en": "is at least {v}"},
        False: {"vi": "dưới {v}", "en": "is below {v}"},
    },
    "at_most": {
        True: {"vi": "không quá {v}", "en": "is at most {v}"},
        False: {"vi": "trên {v}", "en": "is above {v}"},
    },
    "between": {
        True: {"vi": "trong khoảng từ {a} đến {b}", "en": "is between {a} and {b}"},
        False: {"vi": "ngoài khoảng từ {a} đến {b}", "en": "is not between {a} and {b}"},
    },
    "matches": {
        True: {"vi": "khớp mẫu {v}", "en": "matches {v}"},
        False: {"vi": "không khớp mẫu {v}", "en": "does not match {v}"},
    },
    "contains": {
        True: {"vi": "chứa {v}", "en": "contains {v}"},
        False: {"vi": "không chứa {v}", "en": "does not contain {v}"},
    },
    "subset_of": {
        True: {"vi": "chỉ gồm {v}", "en": "holds nothing but {v}"},
        False: {"vi": "có giá trị khác ngoài {v}", "en": "holds something else than {v}"},
    },
    "exists": {
        True: {"vi": "có giá trị", "en": "has a value"},
        False: {"vi": "không có giá trị", "en": "has no value"},
    },
    "exists list": {
        True: {"vi": "không rỗng", "en": "is not empty"},
        False: {"vi": "rỗng", "en": "is empty"},
    },
    "newer_than": {
        True: {"vi": "trong vòng {n} trở lại", "en": "is within the last {n}"},
        False: {"vi": "cách đây từ {n} trở lên", "en": "is {n} ago or more"},
    },
    "newer_than now": {
        True: {"vi": "chưa qua", "en": "is not past"},
        False: {"vi": "đã qua", "en": "is past"},
    },
    "newer_than ahead": {
        True: {"vi": "còn hơn {n}", "en": "is more than {n} ahead"},
        False: {"vi": "còn không quá {n}", "en": "is at most {n} ahead"},
    },
    "newer_than day": {
        True: {"vi": "sau ngày {n}", "en": "is after {n}"},
        False: {"vi": "không sau ngày {n}", "en": "is not after {n}"},
    },
    "older_than": {
        True: {"vi": "cách đây hơn {n}", "en": "is more than {n} ago"},
        False: {"vi": "cách đây không quá {n}", "en": "is at most {n} ago"},
    },
    "older_than now": {
        True: {"vi": "đã qua", "en": "is past"},
        False: {"vi": "chưa qua", "en": "is not past"},
    },
    "older_than ahead": {
        True: {"vi": "còn dưới {n}", "en": "is less than {n} ahead"},
        False: {"vi": "còn từ {n} trở lên", "en": "is {n} ahead or more"},
    },
    "older_than day": {
        True: {"vi": "trước ngày {n}", "en": "is before {n}"},
        False: {"vi": "không trước ngày {n}", "en": "is not before {n}"},
    },
}
"""By operator and whether it has to hold; an operator that does not is said by what holds instead."""
_SECONDS: Final = {"s": 1, "minutes": 60, "hours": 3600, "days": 86400}
_UNITS: Final[dict[str, tuple[str, str, str]]] = {
    "years": ("năm", "year", "years"),
    "months": ("tháng", "month", "months"),
    "weeks": ("tuần", "week", "weeks"),
    "days": ("ngày", "day", "days"),
    "hours": ("giờ", "hour", "hours"),
    "minutes": ("phút", "minute", "minutes"),
    "s": ("giây", "second", "seconds"),
    "bytes": ("byte", "byte", "bytes"),
    "bits": ("bit", "bit", "bits"),
    "events": ("sự kiện", "event", "events"),
}
_LETTERS: Final = {"Y": "years", "M": "months", "W": "weeks", "D": "days"}


class Wording:
    """One language's words."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def word(self, name: str) -> str:
        return _WORDS[name][self.language]

    def sentence(self, name: str, condition: str = "") -> str:
        """A whole sentence around a condition."""
        return _SENTENCES[name][self.language].format(c=condition)

    def state(self, fact: FactKey, field: str, holds: bool) -> str:
        """A fact's truth in its own words; empty if it has none."""
        said = STATES.get((fact.topic, field))
        return said[holds][self.language].format(s=" ".join(fact.selector)) if said else ""

    def subject(self, fact: FactKey | None, field: str) -> str:
        """What is asked about: a fact's field, a field of an element, or (empty) the element itself."""
        if fact is None:
            return f"`{field}`" if field else ""
        selected = " ".join(fact.selector)
        if (fact.topic, field) in _SUBJECTS:
            return _SUBJECTS[fact.topic, field][self.language].format(s=selected)
        if not selected:
            return f"`{fact.topic} {field}`"
        whole = selected if fact.topic == "file.stat" else f"{fact.topic} {selected}"
        return self.word("of").format(f=field, s=whole)

    def predicate(self, operator: str, value: Any, found: FieldType, positive: bool) -> str:
        """What is asked, with its value; for `positive` false, what is asked instead."""
        if operator == "absent":
            operator, positive = "exists", not positive
        if operator == "is":
            value, positive = value is positive, True
        if operator in ("newer_than", "older_than"):
            return self._moment(operator, str(value), positive)
        if operator == "one_of" and len(value) == 1:
            operator, value = "equals", value[0]
        name = operator
        number = found.kind in ("int", "float")
        if operator == "one_of" and number:
            name = "one_of number"
        elif operator == "equals":
            name = "empty" if value == "" else "equals number" if number else "equals"
        elif operator == "exists" and found.kind == "list":
            name = "exists list"
        pattern = _PREDICATES[name][positive][self.language]
        if operator == "between":
            return pattern.format(a=self.value(value[0], found), b=self.value(value[1], found))
        joint = "all" if operator == "subset_of" else "any"
        return pattern.format(v=self.values(value, found, joint, positive))

    def moment(self, text: str) -> str:
        """What `newer_than` and `older_than` compare with: a span from now, or a day."""
        if text[:1].isdigit():
            return self._day(text)
        return self.word("ahead").format(n=self.span(text[1:])) if text[:1] == "-" else self.span(text)

    def _day(self, text: str) -> str:
        day = date.fromisoformat(text)
        return f"{day.day}/{day.month}/{day.year}" if self.language == "vi" else text

    def values(self, value: Any, found: FieldType, joint: str = "all", positive: bool = True) -> str:
        """One value, or several joined by a word."""
        if not isinstance(value, list):
            return self.value(value, found)
        element = found.element if found.kind == "list" and found.element is not None else found
        said = [self.value(v, element) for v in value]
        if len(said) == 1:
            return said[0]
        word = self.word(joint)
        if self.language == "en" and joint == "any" and not positive:
            word = "nor"
        return f"{', '.join(said[:-1])} {word} {said[-1]}"

    def value(self, value: Any, found: FieldType) -> str:
        """One value: a number with its field's unit, a text in backticks."""
        if isinstance(value, bool):
            return self.word("true" if value else "false")
        if value == "":
            return self.word("empty")
        if not isinstance(value, (int, float)):
            return f"`{value}`"
        if found.unit in _SECONDS:
            return self.seconds(value, found.unit)
        if found.unit == "bytes" and value and value % 1024 == 0:
            n, unit = next(
                (value // f, u) for f, u in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")) if not value % f
            )
            return f"{n} {unit}"
        return self.counted(value, found.unit) if found.unit else str(value)

    def seconds(self, value: float, unit: str) -> str:
        """A time in the largest unit up to days that leaves no rest."""
        if unit != "days" and value:
            whole = value * _SECONDS[unit]
            for larger in ("days", "hours", "minutes"):
                # A day and a half reads as 36 hours, and one day as 24.
                if whole % _SECONDS[larger] == 0 and (larger != "days" or whole > _SECONDS["days"]):
                    return self.counted(int(whole // _SECONDS[larger]), larger)
        return self.counted(value, unit)

    def counted(self, value: float, unit: str) -> str:
        """A number of something, in the plural where English has one."""
        vi, one, many = _UNITS.get(unit, (unit, unit, unit))
        return f"{value:g} {vi if self.language == 'vi' else one if value == 1 else many}"

    def joined(self, parts: list[str], joint: str, *, short: bool = False) -> str:
        """Parts with `and` or `or` before the last: by commas if they are short, else by semicolons."""
        word = self.word(joint)
        if len(parts) <= 2:
            return f" {word} ".join(parts)
        if short:
            return f"{', '.join(parts[:-1])} {word} {parts[-1]}"
        return f"{'; '.join(parts[:-1])}; {word} {parts[-1]}"

    def where(self, condition: str, *, bare: bool) -> str:
        """Which of the entries are meant."""
        return self.word("where bare" if bare else "where").format(c=condition)

    def count(self, subject: str, where: str, predicate: str) -> str:
        """How many entries there may be."""
        return self.word("count").format(f=subject, w=where, c=predicate)

    def listed(self, quantifier: str, subject: str, where: str, condition: str, *, bare: bool) -> str:
        """What is asked of a list's entries."""
        name = f"{quantifier} bare" if bare else "any " if quantifier == "any" else quantifier
        return self.word(name).format(f=subject, w=where, c=condition)

    def _moment(self, operator: str, text: str, positive: bool) -> str:
        if text[:1].isdigit():
            return _PREDICATES[f"{operator} day"][positive][self.language].format(n=self._day(text))
        span = duration(text)
        kind = " ahead" if span < timedelta(0) else "" if span else " now"
        return _PREDICATES[operator + kind][positive][self.language].format(
            n=self.span(text.removeprefix("-"))
        )

    def span(self, text: str) -> str:
        """A duration in words: in its own unit if it has only one, else in days and seconds' larger units."""
        if text[1:-1].isdigit() and text[-1] in _LETTERS:
            return self.counted(int(text[1:-1]), _LETTERS[text[-1]])
        whole = duration(text)
        parts = [self.counted(whole.days, "days")] if whole.days else []
        if whole.seconds:
            parts.append(self.seconds(whole.seconds, "s"))
        return " ".join(parts)
