"""Kernel modules, kernel command line, the boot loader."""

from __future__ import annotations

from ..base import Gather
from . import boot_loader, boot_parameters, boot_rescue, kernel_module

GATHERERS: dict[str, Gather] = {
    "boot.loader": boot_loader.gather,
    "boot.parameters": boot_parameters.gather,
    "boot.rescue": boot_rescue.gather,
    "kernel.module": kernel_module.gather,
}
