"""Reads nftables rules into `packet_filter`'s model: the JSON of `nft -j`, and files in nft's own language. Pure.

Sources: libnftables-json(5); nft(8). Of a file only tables, base chains and rules are read; what a rule asks of packets
is read by `nft_conditions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from vonggac_contract import limits
from vonggac_contract.decode import bounded_json
from vonggac_contract.errors import ContractError

from . import nft_conditions
from .packet_filter import HOOKS, Chain, ChainKey, Condition, Hook, Ruleset, Step, Verdict

FAMILIES: Final = ("ip", "ip6", "inet")
MAX_OUTPUT: Final = 4 * limits.MIB
OPAQUE: Final = "xt"
"""Key of a condition that iptables-nft put there and nft shows by its name only."""
_HARMLESS: Final = frozenset(("counter", "log", "comment", "notrack", "mangle", "quota", "last"))
"""Statements that neither select nor decide. A quota only counts until it is named in a match."""
_FINAL: Final[dict[str, Verdict]] = {
    "accept": "accept",
    "drop": "drop",
    "reject": "drop",
    "return": "return",
}
_NOT_DECIDING_TARGETS: Final = frozenset(("LOG", "NFLOG", "CONNMARK", "MARK", "TRACE", "AUDIT", "SET"))


def from_json(raw: bytes) -> Ruleset:
    """The rules that `nft -j list ruleset` printed. Raises ValueError if they are not of that form."""
    try:
        document = bounded_json(raw, maximum=MAX_OUTPUT)
    except ContractError as error:
        raise ValueError(f"nft answered no JSON within the bounds: {error}") from error
    objects = document.get("nftables") if isinstance(document, dict) else None
    if not isinstance(objects, list):
        raise ValueError("nft answered without a list of objects")
    chains: dict[ChainKey, Chain] = {}
    for item in objects:
        body = item.get("chain") if isinstance(item, dict) else None
        if isinstance(body, dict):
            chains[_key(body, "name")] = _chain(body)
    for item in objects:
        body = item.get("rule") if isinstance(item, dict) else None
        if isinstance(body, dict):
            chain = chains.get(_key(body, "chain"))
            if chain is None:
                raise ValueError("a rule names a chain that was not told")
            chain.steps.extend(_steps(body.get("expr")))
    return Ruleset({key: chain for key, chain in chains.items() if key[0] in FAMILIES})


def _key(body: Mapping[str, Any], chain: str) -> ChainKey:
    return str(body.get("family")), str(body.get("table")), str(body.get(chain))


def _chain(body: Mapping[str, Any]) -> Chain:
    hook: Hook | None = None
    if body.get("type") == "filter":
        hook = next((known for known in HOOKS if known == body.get("hook")), None)
    return Chain(hook, "drop" if body.get("policy") == "drop" else "accept", [])


def _steps(expression: Any) -> list[Step]:
    """The steps of one rule: one, or one for each entry of a verdict map."""
    if not isinstance(expression, list):
        raise ValueError("a rule without expressions")
    conditional = False
    conditions: list[Condition] = []
    for statement in expression:
        if not isinstance(statement, dict) or len(statement) != 1:
            return [Step(True, "none")]
        ((name, body),) = statement.items()
        step = _deciding(name, body)
        if step is not None:
            return [step._replace(conditional=conditional, conditions=tuple(conditions))]
        if name == "xt":
            step = _of_iptables(body)
            if step is not None and step.verdict != "none":
                return [
                    step._replace(conditional=conditional or step.conditional, conditions=tuple(conditions))
                ]
            if step is not None:
                conditional = True
                conditions.append(Condition(OPAQUE))
            continue
        if name == "vmap":
            return nft_conditions.of_map(body, conditions)
        if name not in _HARMLESS:
            conditional = True
            conditions.append(nft_conditions.of_match(body) if name == "match" else Condition("other"))
    return [Step(conditional, "none", "", tuple(conditions))]


def _deciding(name: str, body: Any) -> Step | None:
    if name in _FINAL:
        return Step(False, _FINAL[name])
    if name in ("jump", "goto") and isinstance(body, dict):
        return Step(False, "jump" if name == "jump" else "goto", str(body.get("target")))
    return None


def _of_iptables(body: Any) -> Step | None:
    """A part that iptables-nft put there and nft shows by its name only; None for a comment."""
    if not isinstance(body, dict):
        return Step(True, "none")
    name = body.get("name")
    if body.get("type") == "target":
        decides = name in ("REJECT", "DROP")
        return Step(not decides and name not in _NOT_DECIDING_TARGETS, "drop" if decides else "none")
    return None if name == "comment" else Step(True, "none")


_COMMENT: Final = re.compile(r'("(?:\\.|[^"\\\n])*")|#[^\n]*')
_PIECE: Final = re.compile(r'"(?:\\.|[^"\\\n])*"|[{};\n]|\\\n|[^\s{};"\\]+|\\')
_STATEMENT: Final = re.compile(
    r'(?:(?:counter(?: packets \d+ bytes \d+)?|log(?: (?:prefix|level|group|flags) (?:"[^"]*"|\S+))*) )*'
    r"(?P<verdict>accept|drop|reject(?: with .*)?|return|(?P<jump>jump|goto) (?P<target>\S+))"
    r'(?: comment "[^"]*")?'
)
_BASE: Final = re.compile(r"type (\S+) hook (\S+)(?: device \S+)? priority .*")
MAX_PIECES: Final = 200_000


def from_text(text: str) -> Ruleset:
    """The rules that a file in nft's language defines; `flush ruleset` empties what stood before.

    Raises ValueError for braces that do not match, or over `MAX_PIECES` words.
    """
    chains: dict[ChainKey, Chain] = {}
    path: list[str] = []
    for words, sign in _statements(text):
        if sign == "{":
            path.append(words)
            if len(path) > 16:
                raise ValueError("braces nested deeper than 16")
            continue
        if words == "flush ruleset":
            chains.clear()
        key = _place(path)
        if key is not None and words:
            _take(chains, key, words)
        if sign == "}":
            if not path:
                raise ValueError("a brace closes what was not opened")
            path.pop()
    if path:
        raise ValueError("a brace is not closed")
    return Ruleset({key: chain for key, chain in chains.items() if key[0] in FAMILIES})


def _statements(text: str) -> Iterator[tuple[str, str]]:
    """(words joined by one blank, the sign that ended them: brace, semicolon or line feed)."""
    words: list[str] = []
    inside = 0
    for count, match in enumerate(_PIECE.finditer(_COMMENT.sub(lambda m: m[1] or "", text) + "\n")):
        if count > MAX_PIECES:
            raise ValueError(f"over {MAX_PIECES} words")
        piece = match[0]
        if inside or (piece == "{" and not _opens_block(words)):
            # the braces of a set belong to the statement they stand in
            inside += (piece == "{") - (piece == "}")
            words.append(piece)
        elif piece in "{};\n":
            if words or piece in "{}":
                yield " ".join(words), piece
            words = []
        elif not piece.startswith("\\"):
            words.append(piece)


def _opens_block(words: list[str]) -> bool:
    return not words or (words[0] in ("table", "chain", "set", "map", "flowtable", "add", "create"))


def _place(path: list[str]) -> ChainKey | None:
    """The chain that a path of open blocks stands in."""
    if len(path) != 2:
        return None
    table, chain = path[0].split(), path[1].split()
    if len(chain) != 2 or chain[0] != "chain" or "table" not in table:
        return None
    names = table[table.index("table") + 1 :]
    if len(names) == 1:
        return "ip", names[0], chain[1]  # nft(8): a table without a family is ip
    return (names[0], names[1], chain[1]) if len(names) == 2 else None


def _take(chains: dict[ChainKey, Chain], key: ChainKey, words: str) -> None:
    chain = chains.setdefault(key, Chain(None, "accept", []))
    base = _BASE.fullmatch(words)
    if base is not None:
        hook = next((known for known in HOOKS if base[1] == "filter" and known == base[2]), None)
        chains[key] = chain._replace(hook=hook)
    elif words.startswith("policy "):
        chains[key] = chain._replace(policy="drop" if words == "policy drop" else "accept")
    else:
        statement = _STATEMENT.fullmatch(words)
        if statement is None:
            chain.steps.extend(nft_conditions.of_words(words))
        elif statement["jump"]:
            chain.steps.append(
                Step(False, "jump" if statement["jump"] == "jump" else "goto", statement["target"])
            )
        else:
            chain.steps.append(Step(False, _FINAL[statement["verdict"].split()[0]]))
