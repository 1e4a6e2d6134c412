"""Why a round failed, said to a person: it is noted as English text, and known again by its code or its beginning.

Codes are the collector's (`vonggac_collector.errors`, docs/wire.md). Logs, notes and JSON keep the text as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .messages import Said

if TYPE_CHECKING:
    from vonggac_rules.explain import Language

_REFUSAL: Final = re.compile(r"(?:([0-9]{3}) )?([a-z]+(?:-[a-z]+)*)(?: (.*))?", re.DOTALL)
CODES: Final[dict[str, str]] = {
    "malformed": "dữ liệu không đúng dạng",
    "too-large": "dữ liệu vượt giới hạn",
    "unknown-schema": "máy chủ thu thập không biết lược đồ này; hãy nâng cấp bên dùng bản cũ hơn",
    "bad-signature": "chữ ký không khớp",
    "unknown-key": "máy chủ thu thập không biết khóa này",
    "key-revoked": "khóa đã bị thu hồi hoặc hết hiệu lực",
    "agent-mismatch": "báo cáo mang danh máy khác",
    "agent-quarantined": "máy đang bị cách ly, chờ cán bộ an toàn thông tin quyết định",
    "seq-fork": "đã có báo cáo khác mang cùng số: có bản sao của máy, hoặc máy được khôi phục từ bản cũ",
    "kept-no-longer": "máy chủ thu thập không còn giữ báo cáo mang số này",
    "head-mismatch": "chuỗi báo cáo ở máy chủ thu thập kết thúc bằng báo cáo khác",
    "epoch-mismatch": "báo cáo thuộc kỳ đăng ký khác",
    "too-far-ahead": "còn quá nhiều báo cáo chờ một báo cáo trước đó",
    "content-mismatch": "mã băm không khớp nội dung; hãy nâng cấp agent",
    "token-refused": "mã đăng ký không dùng được",
    "enrolment-refused": "người duyệt đã từ chối",
    "key-in-use": "khóa này đã được đăng ký",
    "bad-box": "hộp niêm phong bằng khóa mà máy chủ thu thập không còn giữ",
    "too-slow": "yêu cầu đến quá chậm",
    "too-many-connections": "máy chủ thu thập có quá nhiều kết nối",
    "throttled": "thử quá nhiều lần; hãy chờ một phút",
    "not-found": "máy chủ thu thập không có địa chỉ này",
    "no-rulebook": "máy chủ thu thập chưa có bộ quy tắc",
    "busy": "máy chủ thu thập đang bận",
    "store-failed": "máy chủ thu thập không lưu được dữ liệu",
    "internal": "máy chủ thu thập gặp lỗi",
}
LINE: Final[dict[str, str]] = {
    "ConnectionRefusedError": "không kết nối được: máy chủ thu thập từ chối kết nối",
    "ConnectionResetError": "kết nối bị ngắt giữa chừng",
    "RemoteDisconnected": "kết nối bị ngắt giữa chừng",
    "BrokenPipeError": "kết nối bị ngắt giữa chừng",
    "TimeoutError": "hết thời gian chờ kết nối",
    "ConnectTimeoutError": "hết thời gian chờ kết nối",
    "ReadTimeoutError": "hết thời gian chờ câu trả lời",
    "gaierror": "không phân giải được tên máy chủ thu thập",
    "SSLCertVerificationError": "không tin được chứng thư số của máy chủ thu thập",
    "SSLError": "lỗi TLS",
    "SSLEOFError": "lỗi TLS",
    "OSError": "lỗi mạng trên đường tới máy chủ thu thập",
}
"""What a socket or TLS said (`link`), by the name of the error."""
SENTENCES: Final[dict[str, str]] = {
    "no whole answer within": "không nhận đủ câu trả lời trong thời hạn",
    "waiting, as the collector asked": "đang chờ, theo yêu cầu của máy chủ thu thập",
    "waiting for approval": "đang chờ duyệt; xem: vonggac-agent status",
    "the collector waits for earlier reports": "máy chủ thu thập chờ các báo cáo trước đó",
    "the collector refused": "máy chủ thu thập từ chối",
    "the relay passed nothing on": "máy chuyển tiếp không chuyển được gì",
    "the relay brought no answer": "máy chuyển tiếp không mang về câu trả lời của máy chủ thu thập",
    "200 without": "câu trả lời không có thứ đã hỏi",
    "202 that": "trả lời 202 không đọc được",
    "rulebook ": "không tải được bộ quy tắc",
    "the policy was not kept": "không lưu được chính sách",
}
POLICY: Final[dict[str, str]] = {
    "policy-bad-answer": "kho chính sách trả lời không đúng dạng",
    "policy-equivocation": "cùng một phiên bản được ký hai lần với nội dung khác nhau; có thể khóa ký đã lộ",
    "policy-expired": "chữ ký của kho chính sách đã hết hạn",
    "policy-fast-forward": "số phiên bản nhảy vọt bất thường; có thể khóa ký đã lộ",
    "policy-malformed": "không đọc được kho chính sách",
    "policy-mixed": "các tệp của kho chính sách không khớp nhau",
    "policy-not-vouched": "không ai ký bảo đảm cho bộ quy tắc mà máy chủ thu thập nêu",
    "policy-rollback": "kho chính sách đưa ra phiên bản cũ hơn bản đã biết",
    "policy-state-damaged": "tệp ghi trạng thái chính sách trên máy này đã hỏng",
    "policy-too-large": "bộ quy tắc vượt giới hạn",
    "policy-unreachable": "không tải được kho chính sách",
    "policy-unsigned": "chữ ký của kho chính sách không hợp lệ",
}
"""Why the policy repository is not followed (`following`, `policy`), by the code that the text begins with."""
_REASONED: Final = frozenset({"enrolment-refused"})
"""Codes whose detail somebody wrote."""


class Why(Said):
    """A reason as it was noted."""

    @property
    def code(self) -> str:
        """The collector's code in it, "" if there is none that is known here."""
        found = _REFUSAL.fullmatch(self)
        return found[2] if found is not None and found[2] in CODES else ""

    @property
    def advice(self) -> Said | None:
        """What to do about a line that failed."""
        from .errors import Unreachable

        return Said(Unreachable.hint) if self._kind in LINE else None

    @property
    def _kind(self) -> str:
        return self.partition(":")[0]

    def spoken(self, language: Language) -> str:
        """See `Said.spoken`. What is not known again stays English."""
        if language == "en":
            return str(self)
        if self.code:
            status, code, detail = _REFUSAL.fullmatch(self).groups()  # type: ignore[union-attr]
            more = f": {detail}" if detail and code in _REASONED else ""
            return f"{CODES[code]}{more} ({' '.join(filter(None, (status, code)))})"
        for table in (LINE, POLICY):
            if self._kind in table:
                return f"{table[self._kind]} ({self._kind})"
        return next((vi for start, vi in SENTENCES.items() if self.startswith(start)), str(self))
