"""Facts about files: their kind, owner and permissions, never followed out of the root that is judged."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from .base import about, topic

Permission = Literal[
    "u+r", "u+w", "u+x", "g+r", "g+w", "g+x", "o+r", "o+w", "o+x", "setuid", "setgid", "sticky"
]


@topic("file.stat", selector=("path",), main="exists")
class FileStat(msgspec.Struct, frozen=True):
    """One path, links followed inside the root."""

    exists: Annotated[bool, about("Something is there", source="lstat(2), stat(2)")]
    kind: Annotated[
        Literal["file", "directory", "link", "device", "fifo", "socket", "absent"],
        about("What it is; link if it leads nowhere"),
    ] = "absent"
    owner: Annotated[
        str, about("Name of the owner, its number if it has no name", source="etc/passwd of the root")
    ] = ""
    group: Annotated[str, about("Name of the group", source="etc/group of the root")] = ""
    uid: Annotated[int | None, about("Owner's number")] = None
    gid: Annotated[int | None, about("Group's number")] = None
    mode: Annotated[str, about("Permission bits, four octal digits; empty if absent")] = ""
    permissions: Annotated[
        list[Permission], about("The same bits as a list, so that a rule can say subset_of")
    ] = []
    size: Annotated[int | None, about("Length", unit="bytes", volatile=True)] = None
    modified: Annotated[datetime | None, about("Last change of the content", volatile=True)] = None
