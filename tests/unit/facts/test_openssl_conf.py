"""OpenSSL's configuration is read as OpenSSL reads it: its own library is asked beside."""

from __future__ import annotations

import ctypes.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vonggac_agent.facts.protection import crypto_openssl
from vonggac_agent.formats import openssl_conf

CHAIN = "openssl_conf = o\n[o]\nssl_conf = s\n[s]\nsystem_default = d\n[d]\n"
TLS = {0x301: "TLSv1", 0x302: "TLSv1.1", 0x303: "TLSv1.2", 0x304: "TLSv1.3"}
LIBRARY = ctypes.util.find_library("ssl")
ASKED = """
import ctypes, sys
ssl = ctypes.CDLL(sys.argv[1])
ssl.TLS_method.restype = ssl.SSL_CTX_new.restype = ctypes.c_void_p
made = ctypes.c_void_p(ssl.SSL_CTX_new(ctypes.c_void_p(ssl.TLS_method())))
# SSL_CTX_get_min_proto_version(3) is a macro of this
print(ssl.SSL_CTX_ctrl(made, 130, ctypes.c_long(0), None), ssl.SSL_CTX_get_security_level(made))
"""
CONFIGURATIONS = {
    "plain": CHAIN + "MinProtocol = TLSv1.1\nCipherString = DEFAULT@SECLEVEL=3\n",
    "prefixes": CHAIN + "1.MinProtocol = TLSv1\n1.CipherString = DEFAULT@SECLEVEL=0\n",
    "a prefix before and a plain one": CHAIN + "1.MinProtocol = TLSv1\nMinProtocol = TLSv1.2\n",
    "a plain one and a prefix behind": CHAIN + "MinProtocol = TLSv1.2\n1.MinProtocol = TLSv1\n",
    "again, which moves it behind": CHAIN
    + "MinProtocol = TLSv1.2\n1.MinProtocol = TLSv1\nMinProtocol = TLSv1.3\n",
    "a list without a level behind": CHAIN + "1.CipherString = ALL@SECLEVEL=3\nCipherString = DEFAULT\n",
    "of datagrams": CHAIN + "TLS.MinProtocol = TLSv1.1\nDTLS.MinProtocol = DTLSv1.2\n",
    "section default by name": "[default]\n" + CHAIN + "MinProtocol = TLSv1.1\n",
    "default again": "[x]\na = b\n[ default ]\n" + CHAIN + "MinProtocol = TLSv1.1\n",
    "a module with a suffix": CHAIN.replace("ssl_conf =", "ssl_conf.1 =") + "MinProtocol = TLSv1.1\n",
    "a module with a prefix": CHAIN.replace("[o]\n", "[o]\n1.") + "MinProtocol = TLSv1.1\n",
    "a variable": "A = TLSv1\n" + CHAIN + "MinProtocol = $A.1\n",
    "a variable in braces": "A = TLSv1\n" + CHAIN + "MinProtocol = ${A}.1\n",
    "a variable in brackets": "A = TLSv1\n" + CHAIN + "MinProtocol = $(default::A).1\n",
    "a variable of a section": "[v]\nA = TLSv1.1\n[default]\n" + CHAIN + "MinProtocol = $v::A\n",
    "a setting of a section": CHAIN.replace("[d]", "d::MinProtocol = TLSv1.1\n[d]"),
    "no variable": ".pragma dollarid:true\nA = $nothing\nB = TLS\n" + CHAIN + "MinProtocol = ${B}v1.1\n",
    "carried on": CHAIN + "MinProtocol = \\\nTLSv1.1\n",
    "carried on within": CHAIN + "MinProtocol = TLS\\\nv1.1\n",
    "not carried on": CHAIN + "a = b\\\\\nMinProtocol = TLSv1.1\n",
    "a comment carried on": CHAIN + "MinProtocol = TLSv1.1\n# old: \\\nMinProtocol = TLSv1.3\n",
    "a comment within": CHAIN + "MinProtocol = TLSv1.1#TLSv1.3\n",
    "quotes": CHAIN + "MinProtocol = \"TLSv1.1\"\nCipherString = 'ALL'@SECLEVEL=3 # '\n",
    "a quoted mark": CHAIN + "a = '#'\nMinProtocol = 'TLSv'1.1\n",
    "other letters": CHAIN + "MINPROTOCOL = TLSv1.1\n",
    "apart": CHAIN + "MinProtocol = TLSv1.3\n[z]\na=b\n[d]\nMinProtocol = TLSv1.1\n",
    "nothing": CHAIN,
    "carriage returns": CHAIN.replace("\n", "\r\n") + "MinProtocol = TLSv1.1\r\n",
}
REFUSED = {
    "no value": CHAIN + "MinProtocol = TLSv1.1\n[z]\na = $nothing\n",
    "no setting": CHAIN + "MinProtocol = TLSv1.1\n[z]\nwords\n",
    "no end": CHAIN + "MinProtocol = TLSv1.1\n[z\n",
    "no bracket": "A = TLSv1\n" + CHAIN + "MinProtocol = ${A\n",
}


def library(folder: Path, text: str) -> tuple[str, int]:
    """What OpenSSL's own library makes of it."""
    path = folder / "a.cnf"
    path.write_bytes(text.encode())
    argv = [sys.executable, "-I", "-c", ASKED, LIBRARY or ""]
    done = subprocess.run(
        argv, env={**os.environ, "OPENSSL_CONF": str(path)}, capture_output=True, text=True, check=True
    )
    protocol, level = map(int, done.stdout.split())
    return TLS.get(protocol, ""), level


@pytest.mark.skipif(LIBRARY is None, reason="OpenSSL's library is not installed")
@pytest.mark.parametrize("text", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_a_configuration_means_what_the_library_makes_of_it(tmp_path: Path, text: str) -> None:
    protocol, level = crypto_openssl.defaults(openssl_conf.parse(text, lambda path: []))
    own = library(tmp_path, "")
    assert (protocol or own[0], own[1] if level is None else level) == library(tmp_path, text)


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_the_library_drops_whole_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"openssl\.cnf"):
        openssl_conf.parse(text, lambda path: [])
    if LIBRARY is not None:
        assert library(tmp_path, text) == library(tmp_path, "")


def test_what_a_programs_environment_decides_is_not_guessed() -> None:
    told = openssl_conf.parse("HOME = .\n" + CHAIN + "MinProtocol = $ENV::TLS\n", lambda path: [])
    with pytest.raises(ValueError, match="environment"):
        crypto_openssl.defaults(told)
    spare = openssl_conf.parse("RANDFILE = $ENV::HOME/.rnd\n" + CHAIN, lambda path: [])
    assert crypto_openssl.defaults(spare) == ("", None)
    with pytest.raises(ValueError, match="environment"):
        openssl_conf.parse(".include $ENV::HOME/a\n", lambda path: [])


def test_an_included_file_goes_on_in_the_section_and_leaves_its_own() -> None:
    texts = {"/a": "MinProtocol = TLSv1.1\n.include = /b\n", "/b": "[d]\nCipherString = @SECLEVEL=1:ALL"}
    told = openssl_conf.parse(CHAIN + ".include /a\nOptions = x\n", lambda path: [texts[path]])
    assert crypto_openssl.defaults(told) == ("TLSv1.1", 1)
    assert [(entry.section, entry.key) for entry in told][-1] == ("d", "Options")


def test_values_that_grow_by_their_variables_are_bounded() -> None:
    grown = "a = xxxxxxxxxx\n" + "a = $a$a\n" * 20
    with pytest.raises(ValueError, match="over 65536 characters"):
        openssl_conf.parse(grown, lambda path: [])
    with pytest.raises(ValueError, match="values of over"):
        openssl_conf.parse(f"a = {'x' * 60_000}\n" + "b = $a\n" * 20, lambda path: [])
