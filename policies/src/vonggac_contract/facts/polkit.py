"""Facts about polkit: what it lets people do without asking."""

from typing import Annotated

import msgspec

from .base import about, topic


class PolkitGrant(msgspec.Struct, frozen=True):
    """One rule that says yes without asking for a password."""

    source: Annotated[str, about("File")]
    everybody: Annotated[bool, about("It looks neither at a group nor at the user's name")]
    everything: Annotated[bool, about("It looks at no action: all are granted")]
    at_the_machine: Annotated[bool, about("It asks that the user sits at the machine (local or active)")]
    actions: Annotated[list[str], about("Actions it names")]


@topic("polkit.rules", privileged=True)
class PolkitRules(msgspec.Struct, frozen=True):
    """Rules of polkit that grant, as their text reads; they are not run."""

    installed: Annotated[bool, about("polkit is there", source="polkitd")]
    grants: Annotated[
        list[PolkitGrant],
        about("Rules that grant", source="etc/polkit-1, usr/share/polkit-1, var/lib/polkit-1"),
    ]
