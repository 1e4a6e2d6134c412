"""Mail servers: Postfix, Exim, Dovecot."""

from __future__ import annotations

from ..base import Gather
from . import dovecot_server, mail_transfer

GATHERERS: dict[str, Gather] = {
    "dovecot.server": dovecot_server.gather,
    "mail.transfer": mail_transfer.gather,
}
