"""What is installed, what waits to be updated, where packages come from."""

from __future__ import annotations

from ..base import Gather
from . import (
    package_held,
    package_installed,
    package_inventory,
    package_origins,
    package_sources,
    package_updates,
    software_unpackaged,
    update_automatic,
)

GATHERERS: dict[str, Gather] = {
    "package.held": package_held.gather,
    "package.installed": package_installed.gather,
    "package.inventory": package_inventory.gather,
    "package.origins": package_origins.gather,
    "package.sources": package_sources.gather,
    "package.updates": package_updates.gather,
    "software.unpackaged": software_unpackaged.gather,
    "update.automatic": update_automatic.gather,
}
