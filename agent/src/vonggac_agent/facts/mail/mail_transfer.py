"""mail.transfer: Postfix and Exim under one set of names. How their files read is in `postfix` and `exim`."""

from __future__ import annotations

from typing import Final

from vonggac_contract.facts.mail import MailServer, MailTransfer

from ...host import Host
from . import exim, postfix

POSTFIX: Final = ("usr/sbin/postfix", "usr/libexec/postfix/master", "usr/lib/postfix/sbin/master")
EXIM: Final = ("usr/sbin/exim4", "usr/sbin/exim")
EXIM_ANSWERS: Final = "etc/exim4/update-exim4.conf.conf"
EXIM_FOLDER: Final = "etc/exim4/conf.d"
EXIM_FILES: Final = ("etc/exim4/exim4.conf", "etc/exim/exim.conf", "etc/exim.conf")
EXIM_TEMPLATE: Final = "etc/exim4/exim4.conf.template"
EXIM_MACROS: Final = "etc/exim4/exim4.conf.localmacros"
RSPAMD_ANTIVIRUS: Final = ("etc/rspamd/local.d/antivirus.conf", "etc/rspamd/override.d/antivirus.conf")
MAX_FILES: Final = 200


def gather(host: Host, selector: tuple[str, ...]) -> tuple[MailTransfer, str]:
    """Topic mail.transfer."""
    servers: list[MailServer] = []
    read: list[str] = []
    if any(host.exists(program) for program in POSTFIX):
        scans = any(bool((host.text(path) or "").strip()) for path in RSPAMD_ANTIVIRUS)
        main = postfix.main_cf(host.text("etc/postfix/main.cf") or "")
        services = postfix.master_cf(host.text("etc/postfix/master.cf") or "")
        servers.append(postfix.describe(main, services, rspamd_scans=scans))
        read += ["etc/postfix/main.cf", "etc/postfix/master.cf"]
    if any(host.exists(program) for program in EXIM):
        servers.append(_exim(host, read))
    return MailTransfer(servers), ", ".join(read)


def _exim(host: Host, read: list[str]) -> MailServer:
    own = next((path for path in EXIM_FILES if host.exists(path)), None)
    answers: dict[str, str] = {}
    if own is not None:
        main, acls = [own], [own]
    else:
        answers = exim.debconf(host.text(EXIM_ANSWERS) or "")
        read.append(EXIM_ANSWERS)
        if answers.get("dc_use_split_config", "").lower() == "true":
            main = [EXIM_MACROS, *host.glob(f"{EXIM_FOLDER}/main/*", limit=MAX_FILES)]
            acls = host.glob(f"{EXIM_FOLDER}/acl/*", limit=MAX_FILES)
        else:
            main, acls = [EXIM_MACROS, EXIM_TEMPLATE], [EXIM_TEMPLATE]
    read += main
    lines = (line.partition("#")[0].split() for path in acls for line in host.lines(path))
    scans = any("malware" in words for words in lines)
    return exim.describe(answers, exim.options(host.text(path) or "" for path in main), scans)
