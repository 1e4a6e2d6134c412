"""Mounts, fstab, encrypted disks and swap."""
