"""Why a proof file proves nothing, in a sentence and with advice for an auditor.

What fails is said in English by `vonggac_contract`; here it is said in Vietnamese too, and what to do is decided by
what the signature that does not fit was to be: a machine's, or the collector's.
"""

from __future__ import annotations

import re
from typing import Final

from vonggac_contract.errors import BadSignature, ContractError

from .explain import Language

PARTS: Final[dict[str, str]] = {
    "report": "báo cáo",
    "envelope": "báo cáo",
    "receipt": "biên nhận",
    "leaf": "vị trí trong sổ",
    "checkpoint": "mốc",
    "earlier checkpoint": "mốc trước",
    "since": "mốc trước",
    "kept checkpoint": "mốc đã giữ",
    "consistency": "đường nối hai mốc",
    "proof file": "tệp bằng chứng",
}
"""What a failure is about: the text before its colon."""
SENTENCES: Final[dict[str, str]] = {
    "the file holds nothing to prove: neither a report's digest nor a checkpoint": "tệp không có gì để chứng minh: "
    "không có mã băm của báo cáo, cũng không có mốc",
    "the file holds neither a receipt nor a leaf: nothing says that the report was received": "tệp không có biên nhận "
    "lẫn vị trí trong sổ: không có gì cho thấy báo cáo đã được nhận",
    "the file holds no report, so an agent's key has nothing to verify": "tệp không kèm báo cáo, nên khóa của máy "
    "không có gì để kiểm",
    "the report is another one than the digest names": "báo cáo kèm theo không phải báo cáo mà mã băm nêu",
    "the receipt is for another report": "biên nhận dành cho báo cáo khác",
    "the receipt names another place in the chain than the report": "biên nhận nêu vị trí trong chuỗi khác với báo cáo",
    "a leaf needs a report's digest and a checkpoint": "vị trí trong sổ phải đi cùng mã băm của báo cáo và một mốc",
    "consistency needs two checkpoints and the path between them": "muốn đối chiếu phải có hai mốc và đường nối giữa "
    "chúng",
    "one of the two files holds no checkpoint": "một trong hai tệp không có mốc",
    "the collector signed two histories: as many reports as in the kept checkpoint, others": "máy chủ thu thập đã ký "
    "hai lịch sử khác nhau: số báo cáo bằng mốc đã giữ, nhưng là các báo cáo khác",
    "the collector signed two histories: the kept checkpoint is not in the one it shows": "máy chủ thu thập đã ký hai "
    "lịch sử khác nhau: mốc đã giữ không thuộc lịch sử được đưa ra",
    "the file's checkpoint is older than the kept one": "mốc trong tệp cũ hơn mốc đã giữ",
    "nothing in the file shows how the record grew since the kept checkpoint": "tệp không cho thấy sổ đã dài thêm thế "
    "nào kể từ mốc đã giữ",
    "there is no leaf {} among {}": "không có vị trí {} trong {} báo cáo",
    "the leaf's path leads to another root": "đường đi từ báo cáo dẫn tới gốc khác",
    "{} leaves are fewer than {}": "{} báo cáo là ít hơn {}",
    "two roots of as many leaves differ": "hai gốc của cùng số báo cáo lại khác nhau",
    "no leaves have another root": "sổ trống lại có gốc khác",
    "the proof leads to another root than the earlier one": "bằng chứng dẫn tới gốc khác với mốc trước",
    "the proof leads to another root than the later one": "bằng chứng dẫn tới gốc khác với mốc sau",
    "the path is too short": "đường đi quá ngắn",
    "the path is too long": "đường đi quá dài",
    "no signature by key {}…": "không có chữ ký của khóa {}…",
    "the signature by key {}… does not fit the payload": "chữ ký của khóa {}… không khớp nội dung",
    "sealed by key {}…, which is not in the file of the machine's keys": "do khóa {}… niêm phong, khóa này không có "
    "trong tệp khóa của máy",
    "a key that anybody can sign for is no key": "khóa mà ai cũng ký thay được thì không phải là khóa",
    "a proof file is an object": "không phải tệp bằng chứng",
    "proof schema {}; this release reads {}": "tệp theo lược đồ {}; bản này chỉ đọc được {}",
    "not a public key's PEM file": "không phải tệp PEM chứa khóa công khai",
    "a public key's file is smaller": "tệp quá lớn, không phải tệp khóa công khai",
    "the key is no Ed25519 key": "khóa không phải loại Ed25519",
}
HINTS: Final[dict[str, str]] = {
    "A machine has a key for each epoch, and this report was sealed by another: `vonggac-collector keys --agent ID` "
    "prints them all.": "Mỗi kỳ đăng ký máy có một khóa, báo cáo này do khóa khác niêm phong: `vonggac-collector keys "
    "--agent ID` in ra mọi khóa của máy.",
    "The report was changed after it was sealed.": "Báo cáo đã bị sửa sau khi niêm phong.",
    "Is this the key of the collector that the file is from? `vonggac-collector keys` prints it there.": "Đây có đúng "
    "là khóa của máy chủ thu thập đã ra tệp này không? Tại máy chủ đó, `vonggac-collector keys` in ra khóa.",
    "Ask for the proof again; if it still fails, what it is about is not in the record that was signed.": "Hãy xin lại "
    "bằng chứng; nếu vẫn không đạt thì điều được nêu không có trong sổ đã được ký.",
    "Ask for a newer proof.": "Hãy xin bằng chứng mới hơn.",
    "Ask for it: `vonggac-collector ledger prove` and `ledger checkpoint` take --since KEPT.": "Hãy xin thêm: "
    "`vonggac-collector ledger prove` và `ledger checkpoint` nhận --since TỆP-ĐÃ-GIỮ.",
    "Send less at once; the limits are in docs/wire.md.": "Tệp vượt giới hạn ghi trong docs/wire.md.",
    "The sender has a fault, or the bytes were damaged on the way; send the original bytes again.": "Tệp bị hỏng trên "
    "đường đi hoặc không phải tệp này; hãy xin lại tệp gốc.",
    "Upgrade the older of the two sides.": "Hãy nâng cấp bên dùng bản cũ hơn.",
}
_OTHER_KEY, _CHANGED, _OTHER_COLLECTOR = [*HINTS][:3]


def unproved(error: ContractError, language: Language) -> tuple[str, str]:
    """What fails, and what to do; in English where nobody has translated it."""
    about, colon, said = str(error).partition(": ")
    if about not in PARTS:
        about, colon, said = "", "", str(error)
    hint = _hint(error, about, said)
    if language == "en":
        return str(error), hint
    return f"{PARTS.get(about, '')}{colon}{_spoken(said)}", HINTS.get(hint, hint)


def _hint(error: ContractError, about: str, said: str) -> str:
    if not isinstance(error, BadSignature):
        return error.hint
    if about != "report":
        return _OTHER_COLLECTOR
    return _CHANGED if said.endswith("does not fit the payload") else _OTHER_KEY


def _spoken(said: str) -> str:
    for english, vietnamese in SENTENCES.items():
        pattern = re.escape(english).replace(r"\{\}", "(.*)")
        if found := re.fullmatch(pattern, said, re.DOTALL):
            return vietnamese.format(*found.groups())
    return said
