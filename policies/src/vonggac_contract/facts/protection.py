"""Facts about what protects: products against malware, mandatory access control."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from .base import about, topic


class MalwareProduct(msgspec.Struct, frozen=True):
    """One product that looks for malware."""

    name: Annotated[str, about("Product")]
    active: Annotated[bool, about("Its service runs (or is enabled, in a mounted root)")]
    on_access: Annotated[bool, about("It looks at files when they are opened, not only on demand")]
    signatures: Annotated[
        datetime | None, about("Date of its signatures, if it has any that can be seen")
    ] = None


@topic("malware.protection")
class MalwareProtection(msgspec.Struct, frozen=True):
    """Products known by their packages, units or programs."""

    products: Annotated[list[MalwareProduct], about("Products found", source="packages, units, programs")]
    active: Annotated[bool, about("At least one runs")]


@topic("mac.state", main="enforcing")
class MandatoryAccess(msgspec.Struct, frozen=True):
    """SELinux or AppArmor."""

    system: Annotated[
        Literal["selinux", "apparmor", "none"],
        about("Which one is there", source="sys/fs/selinux; sys/module/apparmor"),
    ]
    enforcing: Annotated[bool, about("It forbids, not only reports")]
    profiles: Annotated[int, about("Loaded profiles that enforce (AppArmor)")] = 0
