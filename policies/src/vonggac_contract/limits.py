"""The bounds of every edge, in one place; each has a test one under, at, and one over.

The numbers are this project's own: large enough for a server with thousands of packages, small enough that one hostile
sender cannot exhaust a collector with 256 MiB.
"""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

MAX_WIRE_BYTES: Final = 4 * MIB
"""A request body, one envelope with its base64."""
MAX_UNPACKED_BYTES: Final = 32 * MIB
"""A payload after decompression."""
MAX_UNPACK_RATIO: Final = 200
"""Unpacked bytes for each packed byte; the first 64 KiB are free, so that small payloads may compress well."""
RATIO_FREE_BYTES: Final = 64 * KIB
MAX_DELTA_BYTES: Final = 1 * MIB
"""A delta's payload, and each of the two statements: the larger of them, packed again, takes 0.2 s at worst."""
MAX_JSON_DEPTH: Final = 64
MAX_JSON_KEYS: Final = 100_000
MAX_JSON_STRING_BYTES: Final = 1 * MIB
MAX_JSON_ITEMS: Final = 200_000
MAX_SAFE_INTEGER: Final = 2**53
"""RFC 7493 (I-JSON) section 2.2: integers beyond 2^53 are not exchanged reliably."""
MAX_SIGNATURES: Final = 4
MAX_YAML_BYTES: Final = 2 * MIB
MAX_YAML_DEPTH: Final = 20
MAX_YAML_VALUES: Final = 20_000
"""Events of the parser, about one a value: over five times what the longest file has; a tenth of a second."""
MAX_PATTERN_BYTES: Final = 1 * KIB
MAX_PATTERN_INPUT_BYTES: Final = 1 * MIB
MAX_EVIDENCE_ITEMS: Final = 20
MAX_EVIDENCE_TEXT: Final = 400
"""Characters of one actual value shown as evidence."""
MAX_FACT_TEXT: Final = 4 * KIB
"""Characters of one text that comes from the machine (a name, a command line)."""
MAX_FACT_LIST: Final = 20_000
"""Entries of one list of a fact."""
MAX_FILE_BYTES: Final = 1 * MIB
"""A configuration file read by the agent; larger is Unavailable(too-large)."""
MAX_COMMAND_OUTPUT_BYTES: Final = 1 * MIB
