"""Kernel modules, kernel command line, the boot loader."""
