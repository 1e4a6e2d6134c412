"""The collector's keys for boxes: made once, readable by nobody else, the newest told, the others still opening."""

from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_collector.boxes import Boxes, make_next, open_boxes
from vonggac_collector.errors import SettingsError
from vonggac_contract.box import close_box
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.errors import BadBox
from vonggac_contract.media import BoxKeyNotice, open_box_key

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
SIGNING = Ed25519PrivateKey.from_private_bytes(b"c" * 32)


def told(boxes: Boxes) -> BoxKeyNotice:
    return open_box_key(envelope_from_bytes(boxes.notice(SIGNING)), SIGNING.public_key().public_bytes_raw())


def test_the_first_key_is_made_when_it_is_asked_for_and_stays(tmp_path: Path) -> None:
    boxes = open_boxes(tmp_path, NOW)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (told(boxes).made_at, told(boxes).keyid) == (NOW, boxes.keyid)
    assert open_boxes(tmp_path, NOW + timedelta(days=9)).keyid == boxes.keyid
    assert boxes.open(close_box(b"x", told(boxes).public_key)) == b"x"


def test_of_many_at_once_one_makes_it(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(open_boxes(tmp_path, NOW).keyid)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == len([*tmp_path.iterdir()]) == 1


@pytest.mark.clock
def test_a_new_key_is_in_force_whatever_the_clock_says_and_the_one_before_still_opens(tmp_path: Path) -> None:
    before = told(open_boxes(tmp_path, NOW))
    after = make_next(tmp_path, NOW - timedelta(days=900))
    assert told(after).keyid != before.keyid
    assert told(after).made_at > before.made_at
    assert after.open(close_box(b"old", before.public_key)) == b"old"
    (tmp_path / f"box-{before.keyid[:16]}.key").unlink()
    with pytest.raises(BadBox, match="not here"):
        open_boxes(tmp_path, NOW).open(close_box(b"old", before.public_key))


@pytest.mark.hostile
@pytest.mark.parametrize(
    "content", [b"", b"rubbish", b"2026-11-26T08:00:00+00:00 00", b"\xff" * 9, b"x" * 9999]
)
def test_a_file_that_holds_no_key_is_named_and_its_content_never_shown(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "box-0123456789abcdef.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match=path.name) as refused:
        open_boxes(tmp_path, NOW)
    assert not content or content.decode("latin-1") not in str(refused.value)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    open_boxes(tmp_path, NOW)
    (file,) = tmp_path.iterdir()
    file.chmod(0o640)
    with pytest.raises(SettingsError, match="others may read it"):
        open_boxes(tmp_path, NOW)
