"""Identity, release, kernel, services, timers, time, kernel parameters."""

from __future__ import annotations

from ..base import Gather
from . import (
    cron_access,
    cron_jobs,
    host_identity,
    kernel_running,
    os_release,
    os_support,
    service_running,
    service_started,
    service_unit,
    sysctl,
    sysctl_configured,
    systemd_timers,
    time_sources,
    time_sync,
)

GATHERERS: dict[str, Gather] = {
    "cron.access": cron_access.gather,
    "cron.jobs": cron_jobs.gather,
    "host.identity": host_identity.gather,
    "kernel.running": kernel_running.gather,
    "os.release": os_release.gather,
    "os.support": os_support.gather,
    "service.running": service_running.gather,
    "service.started": service_started.gather,
    "service.unit": service_unit.gather,
    "sysctl": sysctl.gather,
    "sysctl.configured": sysctl_configured.gather,
    "systemd.timers": systemd_timers.gather,
    "time.sources": time_sources.gather,
    "time.sync": time_sync.gather,
}
