"""What is installed, what waits to be updated, where packages come from."""

from __future__ import annotations

from ..base import Gather
from . import package_installed, package_inventory, package_updates, update_automatic

GATHERERS: dict[str, Gather] = {
    "package.installed": package_installed.gather,
    "package.inventory": package_inventory.gather,
    "package.updates": package_updates.gather,
    "update.automatic": update_automatic.gather,
}
