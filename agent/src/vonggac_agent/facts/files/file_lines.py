"""file.lines: what one file says, line by line."""

from __future__ import annotations

from vonggac_contract import limits
from vonggac_contract.facts.files import FileLines

from ...formats.lines import significant
from ...host import Host
from ...untrusted import as_text, bounded


def gather(host: Host, selector: tuple[str, ...]) -> tuple[FileLines, str]:
    """Topic file.lines, selector: the path."""
    path = selector[0]
    text = host.public_text(path)
    said = significant(text or "")
    if len(said) > limits.MAX_FACT_LIST:
        raise ValueError(f"over {limits.MAX_FACT_LIST} lines")
    lines = [bounded(" ".join(line.text.split())) for line in said]
    return FileLines(exists=text is not None, lines=lines), as_text(path)
