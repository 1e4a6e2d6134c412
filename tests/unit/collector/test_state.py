"""The signing key is its owner's alone, and so is the place where another one could be put."""

from __future__ import annotations

from pathlib import Path

import pytest

from vonggac_collector.errors import SettingsError
from vonggac_collector.state import KEY_FILE, load_key, make_state


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("name", "mode", "told"),
    [(KEY_FILE, 0o640, "may read the key"), (".", 0o770, "put another key"), (".", 0o707, "put another key")],
)
def test_a_key_that_others_may_read_or_put_another_in_place_of_is_refused(
    tmp_path: Path, name: str, mode: int, told: str
) -> None:
    folder = tmp_path / "state"
    make_state(folder)
    load_key(folder)
    (folder / name).chmod(mode)
    with pytest.raises(SettingsError, match=told):
        load_key(folder)
    (folder / name).chmod(0o700)
    load_key(folder)
