"""The agent's sentences in Vietnamese, by their English text; placeholders in braces are the same in both.

A test holds that every sentence of the code is here and nothing else. Titles and steps of rules come with the rules.
"""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, str]] = {
    # A scan
    "FAIL": "KHÔNG ĐẠT",
    "PARTIAL": "ĐẠT MỘT PHẦN",
    "UNKNOWN": "KHÔNG RÕ",
    "PASS": "ĐẠT",
    "NOT APPLICABLE": "KHÔNG ÁP DỤNG",
    "critical": "nghiêm trọng",
    "high": "cao",
    "medium": "trung bình",
    "low": "thấp",
    "expected": "yêu cầu",
    "actual": "hiện tại",
    "fix": "cách xử lý",
    "because": "lý do",
    "and {n} more": "và {n} mục khác",
    "none": "không có",
    "true": "đúng",
    "false": "sai",
    "empty": "để trống",
    "these facts could not be looked at ({n})": "không xem được các dữ kiện sau ({n})",
    "As root there is more to see.": "Chạy với quyền root sẽ thấy nhiều hơn.",
    "{host}: {pass} pass, {fail} fail, {partial} partial, {unknown} unknown, {na} not applicable, "
    "by profile {profile} (rulebook {rulebook})": "{host}: {pass} đạt, {fail} không đạt, {partial} đạt một phần, "
    "{unknown} không rõ, {na} không áp dụng, theo hồ sơ {profile} (bộ quy tắc {rulebook})",
    "do first: {rules}": "nên xử lý trước: {rules}",
    "next: vonggac-rules show {rule} --lang en": "bước tiếp theo: vonggac-rules show {rule}",
    "{wall:.2f} s, {cpu:.2f} s of processor, {rss:.0f} MiB at most": "{wall:.2f} giây, bộ xử lý {cpu:.2f} giây, "
    "bộ nhớ cao nhất {rss:.0f} MiB",
    # How the machine stands
    "health: {health}": "tình trạng: {health}",
    "green": "xanh (tốt)",
    "yellow": "vàng (cần lưu ý)",
    "red": "đỏ (cần xử lý ngay)",
    "agent: {agent}, epoch {epoch}, unit {unit}": "agent: {agent}, kỳ đăng ký {epoch}, đơn vị {unit}",
    "collector: {collector} (pinned CA)": "máy chủ thu thập: {collector} (tin đúng CA đã ghim)",
    "collector: {collector} (system trust store)": "máy chủ thu thập: {collector} (tin theo kho chứng "
    "thư của hệ thống)",
    "judged by: {profile}, rulebook {rulebook}": "đánh giá theo: hồ sơ {profile}, bộ quy tắc {rulebook}",
    "last report: {number}, {at:%Y-%m-%d %H:%M:%SZ}, {state}": "báo cáo gần nhất: số {number}, "
    "{at:%Y-%m-%d %H:%M:%SZ}, {state}",
    "last heartbeat: {number}, {at:%Y-%m-%d %H:%M:%SZ}, {state}": "nhịp báo gần nhất: số {number}, "
    "{at:%Y-%m-%d %H:%M:%SZ}, {state}",
    "unsent": "chưa gửi",
    "received": "đã được nhận",
    "refused": "bị từ chối",
    "replaced": "đã thay bằng báo cáo mới hơn",
    "spool: {unsent} to send, {refused} refused, {used} of {limit} bytes": "hàng chờ: {unsent} chờ gửi, {refused} bị "
    "từ chối, {used} trên {limit} byte",
    "commands that rules may ask: {entries}": "các lệnh mà quy tắc được hỏi: {entries}",
    "commands that rules may ask: off": "các lệnh mà quy tắc được hỏi: tắt",
    "the list of commands is not used: {why}": "danh sách lệnh không được dùng: {why}",
    "last receipt: {at}, on a medium": "biên nhận gần nhất: {at}, qua thiết bị nhớ",
    "last receipt: {at}": "biên nhận gần nhất: {at}",
    "this machine was never looked at": "máy này chưa được kiểm tra lần nào",
    "this machine was not looked at since it has this key; the service does so by itself, or now: vonggac-agent run "
    "--once": "máy chưa được kiểm tra lần nào từ khi có khóa này; dịch vụ sẽ tự kiểm tra, hoặc chạy ngay: "
    "vonggac-agent run --once",
    "{n} reports are held until an officer has decided": "{n} báo cáo đang được giữ lại cho đến khi cán bộ an toàn "
    "thông tin quyết định",
    "{n} reports were held; they are sealed again and sent with the next round": "{n} báo cáo đang được giữ lại, sẽ "
    "niêm phong lại và gửi ở lượt tới",
    "{n} reports were dropped for want of room (ever)": "đã bỏ {n} báo cáo vì thiếu chỗ (từ trước đến nay)",
    "key: {fingerprint}, {kept}": "khóa: {fingerprint}, {kept}",
    "sealed": "đã niêm phong",
    "a plain file": "tệp thường",
    "asked at {collector} to be let in": "đã xin đăng ký tại {collector}",
    "host name: {hostname}, machine id: {machine_id}": "tên máy: {hostname}, mã máy: {machine_id}",
    "fingerprint of its key: {fingerprint}": "dấu vân tay của khóa: {fingerprint}",
    "waiting for approval since {since:%Y-%m-%d %H:%M:%SZ}, until {until:%Y-%m-%d %H:%M:%SZ}": "đang chờ duyệt từ "
    "{since:%Y-%m-%d %H:%M:%SZ}, đến {until:%Y-%m-%d %H:%M:%SZ}",
    "this machine was not let in: {why}; enrol again with a new token": "máy này không được duyệt: {why}; hãy đăng ký "
    "lại bằng mã đăng ký mới",
    "this machine's key was revoked ({at}: {why}); nothing is sent, what is unsent stays here; enrol again with a "
    "token made for this machine": "khóa của máy này đã bị thu hồi ({at}: {why}); máy không gửi gì nữa, phần chưa gửi "
    "vẫn giữ lại đây; hãy đăng ký lại bằng mã đăng ký tạo riêng cho máy này",
    "quarantined since {at}: {why}": "bị cách ly từ {at}: {why}",
    "an officer has to decide about this; the machine asks whenever it sends, and goes on by itself": "cán bộ an toàn "
    "thông tin phải quyết định việc này; máy hỏi lại mỗi lần gửi và tự tiếp tục",
    "no new key was given ({at}: {why}); it is asked for again after a day": "chưa được cấp khóa mới ({at}: {why}); "
    "máy hỏi lại sau một ngày",
    "the service is running; it changes the key when it sends next": "dịch vụ đang chạy và sẽ đổi khóa ở lần gửi tới",
    "the key was not changed: {why}": "khóa chưa được đổi: {why}",
    "not everything was received, or an officer has to decide first": "chưa gửi nhận xong mọi thứ, hoặc phải chờ "
    "cán bộ an toàn thông tin quyết định",
    "epoch {epoch} has begun, with key {keyid}…": "kỳ đăng ký {epoch} đã bắt đầu, với khóa {keyid}…",
    "200 without a next epoch: {error}": "trả lời 200 nhưng không có kỳ đăng ký mới: {error}",
    "{n} reports were refused and are kept": "{n} báo cáo bị từ chối và vẫn được giữ lại",
    "the last heartbeat was refused: {why}": "nhịp báo gần nhất bị từ chối: {why}",
    "{n} answers were no receipt for what was sent (ever)": "{n} câu trả lời không phải biên nhận cho những gì đã gửi "
    "(từ trước đến nay)",
    "{n} input or output errors of the spool's disk": "{n} lỗi đọc ghi ổ đĩa chứa hàng chờ",
    "{n} looks could not be kept": "{n} lần kiểm tra không lưu lại được",
    "the collector lacks reports {numbers}, which are no longer here; enrol this machine again": "máy chủ thu thập "
    "thiếu các báo cáo {numbers} mà máy này không còn giữ; hãy đăng ký lại máy này",
    "last sending: {trouble}": "lần gửi gần nhất: {trouble}",
    "last sending: {trouble}; {advice}": "lần gửi gần nhất: {trouble}. {advice}",
    "this clock and the collector's differ by {seconds:.0f} s": "đồng hồ máy này lệch với máy chủ thu thập "
    "{seconds:.0f} giây",
    "policy: signed, root {root}, good until {expires}": "chính sách: có chữ ký, gốc số {root}, còn hiệu lực đến "
    "{expires}",
    "policy: the collector's word alone names the rules; it signed none when this machine enrolled": "chính sách: chỉ "
    "theo lời máy chủ thu thập; lúc máy này đăng ký chưa có chính sách được ký",
    "the policy is not followed: {trouble}; the last good rules stay": "không theo được kho chính sách: {trouble}; bộ "
    "quy tắc tốt gần nhất vẫn giữ nguyên",
    "what vouches for the rules expired at {at:%Y-%m-%d %H:%M:%SZ}": "chữ ký bảo đảm cho bộ quy tắc đã hết hạn lúc "
    "{at:%Y-%m-%d %H:%M:%SZ}",
    "the rulebook the collector named is not here yet": "chưa tải được bộ quy tắc mà máy chủ thu thập chỉ định",
    # Enrolling, one round, the service
    "enrolled as {agent} in unit {unit}, judged by {profile}": "đã đăng ký với mã số {agent}, đơn vị {unit}, đánh giá "
    "theo hồ sơ {profile}",
    "next: vonggac-agent service install   (or one round by hand: vonggac-agent run --once)": "bước tiếp theo: "
    "vonggac-agent service install   (hoặc chạy thử một lượt: vonggac-agent run --once)",
    "the rulebook was not fetched yet: {trouble}": "chưa tải được bộ quy tắc: {trouble}",
    "looked: {kind} {number}, {n} findings": "đã kiểm tra: {kind} số {number}, {n} kết quả",
    "report": "báo cáo",
    "heartbeat": "nhịp báo",
    "sent: {received} received, {refused} refused": "đã gửi: {received} được nhận, {refused} bị từ chối",
    "installed and started: {path}; see: vonggac-agent service status": "đã cài đặt và khởi động: {path}; xem: "
    "vonggac-agent service status",
    "removed; key, identity and spool stay in {folder}": "đã gỡ dịch vụ; khóa, danh tính và hàng chờ vẫn còn trong "
    "{folder}",
    "the key is sealed": "khóa đã được niêm phong",
    "the key is a plain file": "khóa là tệp thường",
    "next: vonggac-agent service install   (its unit has to allow the TPM)": "bước tiếp theo: vonggac-agent service "
    "install   (unit phải cho phép dùng TPM)",
    "A copy of the plain key may be left on the disk or in a backup: give the machine a new one.": "Bản sao của khóa "
    "chưa niêm phong có thể còn trên ổ đĩa hoặc trong bản sao lưu: hãy cấp khóa mới cho máy.",
    "waiting for approval; host name {host}, machine id {machine}, fingerprint of its key: {fingerprint}": "đang chờ "
    "duyệt; tên máy {host}, mã máy {machine}, dấu vân tay của khóa: {fingerprint}",
    "Read this to who approves it, then: vonggac-agent service install; the service asks again by itself.": "Hãy đọc "
    "thông tin này cho người duyệt, rồi chạy: vonggac-agent service install; dịch vụ sẽ tự hỏi lại.",
    "there is no service to remove": "không có dịch vụ nào để gỡ",
    "the service is running": "dịch vụ đang chạy",
    "the service is not running": "dịch vụ không chạy",
    # What went wrong
    "the system refused: {error}": "hệ thống từ chối: {error}",
    "Is the disk full, read-only or failing?": "Ổ đĩa có bị đầy, chỉ cho đọc hoặc sắp hỏng không?",
    "See `vonggac-agent --help`.": "Xem `vonggac-agent --help`.",
    "See `vonggac-agent settings` for every setting with its value and source.": "Xem `vonggac-agent settings` để biết "
    "từng thiết lập, giá trị và nguồn của nó.",
    "Give it to the user the agent runs as, take away what others may do there, and start again.": "Giao quyền sở hữu "
    "cho tài khoản chạy agent, bỏ quyền của người khác tại đó rồi chạy lại.",
    "Enrol first: vonggac-agent enrol --collector https://HOST --token-file FILE --ca FILE": "Hãy đăng ký trước: "
    "vonggac-agent enrol --collector https://MÁY --token-file TỆP --ca TỆP",
    "Wait until it has finished, or stop the service: systemctl stop vonggac-agent": "Chờ nó chạy xong, hoặc dừng "
    "dịch vụ: systemctl stop vonggac-agent",
    "Install the newer release again; nothing in the state folder was changed.": "Cài lại bản mới hơn; thư mục trạng "
    "thái vẫn nguyên vẹn.",
    "Keep a copy of the state folder, then enrol again: vonggac-agent enrol … --again": "Sao lưu thư mục trạng thái, "
    "rồi đăng ký lại: vonggac-agent enrol … --again",
    "Nothing unsent is deleted. Free disk space, raise spool_bytes, or bring the collector back.": "Những gì chưa gửi "
    "không bị xóa. Hãy giải phóng ổ đĩa, tăng spool_bytes, hoặc khôi phục máy chủ thu thập.",
    "Check the disk below the state folder (dmesg, smartctl).": "Kiểm tra ổ đĩa chứa thư mục trạng thái (dmesg, "
    "smartctl).",
    "Check the address, the network and the collector's certificate (for an authority of your own: `enrol --ca FILE`); "
    "a running service tries again by itself.": "Kiểm tra địa chỉ, mạng và chứng thư số của máy chủ thu thập (nếu dùng "
    "CA riêng: `enrol --ca TỆP`); dịch vụ đang chạy sẽ tự thử lại.",
    "Is something between here and the collector answering in its place (a proxy, a login page)?": "Có gì ở giữa đang "
    "trả lời thay máy chủ thu thập không (proxy, trang đăng nhập)?",
    "Ask who runs the collector.": "Hãy hỏi người vận hành máy chủ thu thập.",
    "another agent works on {folder}": "một agent khác đang làm việc với {folder}",
    "this machine is enrolled already, as {agent} with {collector}": "máy này đã đăng ký, mã {agent}, tại {collector}",
    "--again gives it a new key and begins a new epoch; reports still unsent stay in the spool.": "--again tạo khóa "
    "mới và mở kỳ đăng ký mới; báo cáo chưa gửi vẫn còn trong hàng chờ.",
    "the collector refused: {why}": "máy chủ thu thập từ chối: {why}",
    "no answer of a collector: {error}": "không phải câu trả lời của máy chủ thu thập: {error}",
    "Write the token, or the relay's word, into a file and name it.": "Ghi mã đăng ký, hoặc từ khóa của máy chuyển "
    "tiếp, vào một tệp rồi chỉ ra tệp đó.",
    "{path} holds a secret and may be reached by every user (mode {mode:04o})": "mọi tài khoản đều truy cập được "
    "{path}, tệp chứa bí mật (quyền {mode:04o})",
    "Run: chmod 600 {path}": "Chạy: chmod 600 {path}",
    "{path} holds no secret word": "{path} không chứa mã đăng ký hay từ khóa nào",
    "It is one word of 16 characters at least: a token as the collector printed it, or the relay's word.": "Đó là một "
    "từ dài ít nhất 16 ký tự: mã đăng ký đúng như máy chủ thu thập đã in ra, hoặc từ khóa của máy chuyển tiếp.",
    "cannot read the CA {path}: {reason}": "không đọc được tệp CA {path}: {reason}",
    "Name a PEM file.": "Hãy chỉ ra một tệp PEM.",
    "{path} holds no certificate in PEM": "{path} không chứa chứng thư số dạng PEM",
    "Convert it: openssl x509 -inform der -in …": "Chuyển đổi tệp: openssl x509 -inform der -in …",
    "the CA holds no certificate that can be read: {error}": "tệp CA không có chứng thư số nào đọc được: {error}",
    "Give a PEM file: --ca collector-ca.pem": "Hãy đưa tệp PEM: --ca collector-ca.pem",
    "{word!r} cannot stand in a unit": "{word!r} không thể ghi vào tệp đơn vị của systemd",
    "Install the agent below a plainer path.": "Cài agent vào đường dẫn không có ký tự đặc biệt.",
    "cannot write {path}: {reason}": "không ghi được {path}: {reason}",
    "Run it as root.": "Hãy chạy với quyền root.",
    "systemd is not running on this machine": "máy này không chạy systemd",
    "Start `vonggac-agent run` from your own service manager; `service install --print` shows the unit.": "Hãy chạy "
    "`vonggac-agent run` bằng trình quản lý dịch vụ của máy; `service install --print` in ra tệp đơn vị mẫu.",
    "systemctl {word} failed: {said}": "lệnh systemctl {word} không thành công: {said}",
    "See: journalctl -u vonggac-agent": "Xem: journalctl -u vonggac-agent",
    "{url!r} is no address of a collector": "{url!r} không phải địa chỉ máy chủ thu thập",
    "{url!r} is no address of a collector: {error}": "{url!r} không phải địa chỉ máy chủ thu thập: {error}",
    "{url!r}: an address has no user name, query or fragment": "{url!r}: địa chỉ không được có tên đăng nhập, phần "
    "truy vấn hay phần sau dấu #",
    "{url!r}: plain http is only spoken to this machine itself": "{url!r}: chỉ được dùng http không mã hóa với chính "
    "máy này",
    "Example: https://vonggac.tinh.gov.vn:8443": "Ví dụ: https://vonggac.tinh.gov.vn:8443",
    "{size} bytes to send; a collector takes at most {limit}": "cần gửi {size} byte; máy chủ thu thập chỉ nhận tối đa "
    "{limit}",
    "no whole answer within {seconds:g} s": "không nhận đủ câu trả lời trong {seconds:g} giây",
    "an answer packed as {coding!r}, which was not asked for": "câu trả lời được nén kiểu {coding!r} dù không yêu cầu",
    "an answer of {size} bytes; at most {limit} are read": "câu trả lời dài {size} byte; chỉ đọc tối đa {limit}",
    "an answer of more than {limit} bytes": "câu trả lời dài hơn {limit} byte",
    "200 without a receipt for what was sent: {error}": "trả lời 200 nhưng không có biên nhận cho những gì đã gửi: "
    "{error}",
    "the receipt is for another envelope": "biên nhận dành cho phong bì khác",
    "the receipt's time has no zone": "thời điểm trên biên nhận thiếu múi giờ",
    "202 that can't be read: {error}": "trả lời 202 không đọc được: {error}",
    "rulebook {digest}: {status} {problem}": "bộ quy tắc {digest}: {status} {problem}",
    "rulebook {digest}: {error}": "bộ quy tắc {digest}: {error}",
    "cannot make the state folder {folder}: {reason}": "không tạo được thư mục trạng thái {folder}: {reason}",
    "Make the folder above it, or name another one in VONGGAC_STATE_DIR.": "Hãy tạo thư mục cha, hoặc chỉ ra thư mục "
    "khác bằng VONGGAC_STATE_DIR.",
    "there is no state folder {folder}": "không có thư mục trạng thái {folder}",
    "`vonggac-agent enrol` makes it; VONGGAC_STATE_DIR names another place.": "`vonggac-agent enrol` sẽ tạo thư mục "
    "này; VONGGAC_STATE_DIR chỉ ra nơi khác.",
    "cannot look at {path}: {reason}": "không xem được {path}: {reason}",
    "Run it as the user the agent runs as (root).": "Hãy chạy bằng tài khoản chạy agent (root).",
    "state-dir-unsafe: {folder} may be written by others (mode {mode:04o})": "state-dir-unsafe: người khác ghi được "
    "vào {folder} (quyền {mode:04o})",
    "state-dir-unsafe: {path} is a symbolic link": "state-dir-unsafe: {path} là liên kết tượng trưng",
    "state-dir-unsafe: {path} is neither a regular file nor a folder (mode {mode:04o})": "state-dir-unsafe: {path} "
    "không phải tệp thường hay thư mục (quyền {mode:04o})",
    "state-dir-unsafe: {path} has {names} names (hard links)": "state-dir-unsafe: {path} có {names} tên (liên kết "
    "cứng)",
    "state-dir-unsafe: {path} may be reached by others (mode {mode:04o})": "state-dir-unsafe: người khác truy cập "
    "được {path} (quyền {mode:04o})",
    "state-dir-unsafe: {path} may be written by others (mode {mode:04o})": "state-dir-unsafe: người khác ghi được "
    "{path} (quyền {mode:04o})",
    "state-dir-unsafe: {path} belongs to user {user} (mode {mode:04o})": "state-dir-unsafe: {path} thuộc về tài khoản "
    "số {user} (quyền {mode:04o})",
    "no identity in {folder}": "máy chưa đăng ký: không có danh tính trong {folder}",
    "{path} has schema {schema}; this release reads {known}": "{path} theo lược đồ {schema}; bản này chỉ đọc được "
    "{known}",
    "Install the newer release again.": "Hãy cài lại bản mới hơn.",
    "the key {path} is missing": "thiếu khóa {path}",
    "{path} holds no private key": "{path} không chứa khóa bí mật",
    "{path} holds another key than its name says": "{path} chứa khóa khác với tên tệp",
    "SQLite {version} can lose committed transactions": "SQLite {version} có thể làm mất giao dịch đã ghi",
    "Install apsw 3.51.3 or newer from a wheel, which carries its own SQLite.": "Hãy cài apsw 3.51.3 trở lên từ gói "
    "wheel, gói này mang theo SQLite riêng.",
    "cannot open {path}: {error}": "không mở được {path}: {error}",
    "{path} is damaged: {error}": "{path} bị hỏng: {error}",
    "{path} lacks reports that were received": "{path} thiếu những báo cáo đã được nhận",
    "no space for {path}: {error}": "không còn chỗ cho {path}: {error}",
    "{path} has schema {found}; this release knows {known}": "{path} theo lược đồ {found}; bản này chỉ biết {known}",
    "{path} stays in journal mode {mode} instead of wal": "{path} vẫn ở chế độ ghi {mode}, không chuyển sang wal",
    "{path} does not take synchronous=FULL": "{path} không nhận synchronous=FULL",
    "{path}: {error}, also after opening it anew": "{path}: {error}, cả sau khi mở lại",
    "{path}: {error}; opening it anew: {again}": "{path}: {error}; khi mở lại: {again}",
    "{path}: {error}; its journal cannot be written back while somebody reads": "{path}: {error}; chưa ghi lại được "
    "nhật ký của nó khi có tiến trình đang đọc",
    "the row that was written is not there": "không thấy dòng vừa ghi",
    "the spool holds {used} of {limit} bytes, all of it unsent": "hàng chờ đã dùng {used} trên {limit} byte, tất cả "
    "đều chưa gửi",
    "{error}; counting it as skipped: {reason}": "{error}; khi ghi nhận lần kiểm tra bị bỏ qua: {reason}",
    "cannot limit this process: {error}": "không giới hạn được tiến trình này: {error}",
    "See nice, memory_bytes and cpu_s in the settings.": "Xem nice, memory_bytes và cpu_s trong thiết lập.",
    "cannot read {path}: {reason}": "không đọc được {path}: {reason}",
    "Name a file written by `scan --save-facts`.": "Hãy chỉ ra tệp do `scan --save-facts` ghi.",
    "Name a rulebook.json or a folder of rules.": "Hãy chỉ ra tệp rulebook.json hoặc thư mục chứa quy tắc.",
    "there is no folder {root}": "không có thư mục {root}",
    "{root} holds no Linux system: etc/passwd or os-release is not there": (
        "{root} không chứa hệ thống Linux nào: không có etc/passwd hoặc os-release"
    ),
    "Mount the system's own file system there first; an empty folder would look clean.": (
        "Hãy gắn hệ thống tệp của hệ thống đó vào trước; một thư mục trống sẽ trông như không có lỗi."
    ),
    "Name the folder where the system is mounted.": "Hãy chỉ ra thư mục nơi hệ thống được gắn vào.",
    "Name another file.": "Hãy chọn tệp khác.",
    "the answer is for another key than this machine's": "câu trả lời dành cho khóa khác, không phải khóa của máy này",
    "the key could not be sealed: {error}": "không niêm phong được khóa: {error}",
    "the sealed key could not be read: {error}": "không mở được khóa đã niêm phong: {error}",
    "the key could not be read again after it was sealed": "khóa đã niêm phong mà không mở lại được",
    "It needs systemd 250 or newer, and root. What another machine or TPM sealed is lost: enrol again.": "Cần systemd "
    "250 trở lên và quyền root. Khóa do máy hoặc TPM khác niêm phong thì không mở được nữa: hãy đăng ký lại.",
    # Settings
    "{path}: there is no setting {name!r}; there is: {settings}": "{path}: không có thiết lập {name!r}; các thiết lập "
    "hiện có: {settings}",
    "{name} ({source}): {value!r} {error}. Example: {name}: {example}": "{name} ({source}): {value!r} {error}. Ví dụ: "
    "{name}: {example}",
    "is not a whole number": "không phải số nguyên",
    "is not between {low} and {high}": "không nằm trong khoảng từ {low} đến {high}",
    "is not an absolute path": "không phải đường dẫn tuyệt đối",
    "is none of {words}": "không thuộc các giá trị {words}",
    "names {name!r}, which is no declared fact": "nêu {name!r}, không phải dữ kiện đã khai báo",
    "names no section of a report ({sections})": "không nêu đúng mục nào của báo cáo ({sections})",
    "names no field of {section} that can be withheld ({fields})": "không nêu đúng trường nào của {section} có thể giữ "
    "lại ({fields})",
    "{path} has {size} bytes; at most {limit} are read": "{path} dài {size} byte; chỉ đọc tối đa {limit}",
    "{path} has over {limit} bytes": "{path} dài hơn {limit} byte",
    "See docs/rules.md, Commands that the machine's owner allows.": "Xem docs/rules.md, mục về các lệnh mà chủ máy "
    "cho phép.",
    "{path} is not YAML: {error}": "{path} không phải YAML: {error}",
    "{path} is a mapping of settings. Example: interval_s: 900": "{path} phải gồm các dòng tên: giá trị. Ví dụ: "
    "interval_s: 900",
    "{path}: {name!r} takes a value or a list of values": "{path}: {name!r} nhận một giá trị hoặc một danh "
    "sách giá trị",
    "Send the whole report.": "Hãy gửi toàn bộ báo cáo.",
    # A spool that was damaged
    "the spool was damaged, and the collector has not given this machine its next epoch yet": "hàng chờ đã hỏng, máy "
    "chủ thu thập chưa cấp kỳ đăng ký tiếp theo cho máy này",
    "The service asks by itself; if it is refused: vonggac-agent enrol … --again": "Dịch vụ tự yêu cầu; nếu bị từ "
    "chối: vonggac-agent enrol … --again",
    "the spool was damaged ({error}); the machine asks for its next epoch": "hàng chờ đã hỏng ({error}); máy đang yêu "
    "cầu kỳ đăng ký tiếp theo",
    "the spool was damaged; looks begin again once the collector has given this machine its next epoch, for which the "
    "service asks over a line": "hàng chờ đã hỏng; việc kiểm tra bắt đầu lại khi máy chủ thu thập "
    "cấp kỳ đăng ký tiếp theo, dịch vụ tự yêu cầu qua đường truyền",
    # Receipts for an auditor
    "no receipt for report {number} of epoch {epoch} is kept here": "ở đây không giữ biên nhận nào cho báo cáo "
    "{number} của kỳ đăng ký {epoch}",
    "The receipts of the newest {kept} reports are kept; `vonggac-agent status` names the last report.": "Máy giữ biên "
    "nhận của {kept} báo cáo mới nhất; `vonggac-agent status` cho biết báo cáo gần nhất.",
    # Media, where there is no line
    "export {name}: {n} reports, {parts} files, {size} bytes": "lần xuất {name}: {n} báo cáo, {parts} tệp, {size} byte",
    "{n} more reports wait for the next export": "còn {n} báo cáo chờ lần xuất sau",
    "{n} reports received, {other} receipts of reports that are not waiting here": "{n} báo cáo đã được nhận, {other} "
    "biên nhận cho báo cáo không còn chờ ở đây",
    "rulebook {digest} taken": "đã lấy bộ quy tắc {digest}",
    "the collector's key for boxes taken": "đã lấy khóa niêm phong của máy chủ thu thập",
    "{n} lines are no receipts of this collector for this machine": "{n} dòng không phải biên nhận của máy chủ thu "
    "thập này cho máy này",
    "there is nothing for this machine on the medium": "trên thiết bị không có gì cho máy này",
    "Put it there, at the collector: vonggac-collector media export DIR --agent {agent}": "Hãy ghi lên thiết bị, ở "
    "máy chủ thu thập: vonggac-collector media export DIR --agent {agent}",
    "not taken: {why}": "không lấy: {why}",
    "the collector's key for boxes is not here yet": "ở đây chưa có khóa niêm phong của máy chủ thu thập",
    "It comes with the next sending, or on a medium: `vonggac-collector media export DIR` there, "
    "`vonggac-agent import DIR` here.": "Khóa đến cùng lần gửi kế tiếp, hoặc qua thiết bị nhớ: chạy `vonggac-collector "
    "media export DIR` ở máy chủ, rồi `vonggac-agent import DIR` ở đây.",
    "Look first: vonggac-agent run --once": "Hãy kiểm tra máy trước: vonggac-agent run --once",
    "cannot open the folder {path}: {reason}": "không mở được thư mục {path}: {reason}",
    "Mount the medium and name a folder on it, not a link.": "Hãy gắn thiết bị nhớ rồi chỉ một thư mục trên đó, không "
    "dùng liên kết.",
    "cannot write to {path}: {reason}": "không ghi được vào {path}: {reason}",
    "What was begun there counts for nothing, and the spool holds everything: try again on another medium.": "Phần đã "
    "ghi dở không có giá trị, hàng chờ vẫn giữ đủ: hãy thử lại trên thiết bị nhớ khác.",
    # A relay of the site
    "straight to the collector": "đi thẳng tới máy chủ thu thập",
    "through the relay {url}": "đi qua máy chuyển tiếp {url}",
    "a relay is named by its address and a file with its word, or none by --none": "máy chuyển tiếp được chỉ bằng địa "
    "chỉ và tệp chứa từ khóa của nó, hoặc bỏ bằng --none",
    "See `vonggac-agent relay --help`.": "Xem `vonggac-agent relay --help`.",
    "the relay passed nothing on: {status}": "máy chuyển tiếp không chuyển được gì: {status}",
    "the relay brought no answer of the collector: {error}": "máy chuyển tiếp không mang về câu trả lời của máy chủ "
    "thu thập: {error}",
    # The system's reasons, as strerror(3) words them
    "No such file or directory": "không có tệp hay thư mục này",
    "Permission denied": "không có quyền truy cập",
    "Operation not permitted": "thao tác không được phép",
    "Is a directory": "đây là thư mục",
    "Not a directory": "đây không phải thư mục",
    "File exists": "tệp đã tồn tại",
    "No space left on device": "ổ đĩa đã đầy",
    "Disk quota exceeded": "đã vượt hạn mức ổ đĩa",
    "Read-only file system": "hệ thống tệp chỉ cho đọc",
    "Input/output error": "lỗi đọc ghi",
    "Too many levels of symbolic links": "quá nhiều liên kết tượng trưng lồng nhau",
    # Hints of the contract's errors (vonggac_contract.errors)
    "Compare the input with docs/wire.md.": "Hãy đối chiếu dữ liệu với docs/wire.md.",
    "Send less at once; the limits are in docs/wire.md.": "Hãy gửi ít hơn mỗi lần; các giới hạn ghi trong "
    "docs/wire.md.",
    "The sender has a fault, or the bytes were damaged on the way; send the original bytes again.": "Bên gửi có lỗi, "
    "hoặc dữ liệu bị hỏng trên đường đi; hãy gửi lại dữ liệu gốc.",
    "Upgrade the older of the two sides.": "Hãy nâng cấp bên dùng bản cũ hơn.",
    "Check that the machine still holds the key it enrolled with.": "Kiểm tra xem máy còn giữ đúng khóa đã dùng khi "
    "đăng ký không.",
    "Export again with the collector's present key: `vonggac-collector media export` brings it.": "Hãy xuất lại bằng "
    "khóa hiện tại của máy chủ thu thập: `vonggac-collector media export` mang khóa đó đến.",
    "Ask for the proof again; if it still fails, what it is about is not in the record that was signed.": "Hãy xin lại "
    "bằng chứng; nếu vẫn không đạt thì điều được nêu không có trong sổ đã được ký.",
    "See docs/reference/facts.md for every declared fact.": "Xem docs/reference/facts.md để biết mọi dữ kiện đã khai "
    "báo.",
    "Name one of the rulebook's profiles.": "Hãy chọn một hồ sơ có trong bộ quy tắc.",
    "In a clone run `make setup`; an installed package that lacks it is damaged: install it again.": "Trong bản sao mã "
    "nguồn hãy chạy `make setup`; gói đã cài mà thiếu tệp này là gói hỏng: hãy cài lại.",
    "See docs/policy.md; `vonggac-rules repository show DIR` says who still has to sign what.": "Xem docs/policy.md; "
    "`vonggac-rules repository show DIR` cho biết ai còn phải ký gì.",
    "See docs/rules.md for the language.": "Xem docs/rules.md về ngôn ngữ viết quy tắc.",
}
