"""Addresses of crypto currencies. The check in the address raises the score; without one a word must be near."""

import hashlib
import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from stdnum import bitcoin

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["WALLET"]

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE58: Final = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_EDGES: Final = (r"(?<![A-Za-z0-9_/+=-])", r"(?![A-Za-z0-9_/+=])")


def _pattern(body: str) -> re.Pattern[str]:
    return re.compile(f"{_EDGES[0]}(?:{body}){_EDGES[1]}")


_LEGACY: Final = _pattern(r"[13DALM9XnmT2Qt][1-9A-HJ-NP-Za-km-z]{24,34}")
"""Version bytes of Bitcoin, Litecoin, Dogecoin, Dash, Tron and others, in base 58."""
_SEGWIT: Final = _pattern(r"(?:bc1|ltc1|tb1|BC1|LTC1)[02-9ac-hj-np-zAC-HJ-NP-Z]{25,87}")
_CASH: Final = _pattern(r"bitcoincash:[02-9ac-hj-np-z]{42}")
_ETHEREUM: Final = _pattern(r"0x[0-9A-Fa-f]{40}")
_RIPPLE: Final = _pattern(r"r[1-9A-HJ-NP-Za-km-z]{24,34}")
_MONERO: Final = _pattern(r"[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}(?:[1-9A-HJ-NP-Za-km-z]{11})?")
_CARDANO: Final = _pattern(r"addr1[02-9ac-hj-np-z]{53,98}")
_SOLANA: Final = _pattern(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_SHORTEST: Final = 26
_LONG_WORD: Final = re.compile(r"[A-Za-z0-9:]{26}")
_SURE, _LIKELY, _POSSIBLE, _UNSURE = 0.95, 0.75, 0.6, 0.3


def _base58_checks(address: str, alphabet: str = _BASE58) -> bool:
    """Whether the last four bytes are the head of the double SHA-256 of the rest (Base58Check)."""
    number = 0
    for sign in address:
        at = alphabet.find(sign)
        if at < 0:
            return False
        number = number * 58 + at
    if number.bit_length() > 25 * 8:
        return False
    raw = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def _bech32_checks(address: str) -> bool:
    """Whether the checksum of a Bech32 or Bech32m address holds (BIP 173, BIP 350)."""
    head, _, body = address.lower().rpartition("1")
    signs = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    values = [ord(c) >> 5 for c in head] + [0] + [ord(c) & 31 for c in head] + [signs.find(sign) for sign in body]
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ max(value, 0)
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check in (1, 0x2BC830A3)


def _mixed(address: str) -> bool:
    """Whether upper case, lower case and digits are mixed, as chance mixes them."""
    return any(map(str.isdigit, address)) and any(map(str.isupper, address)) and any(map(str.islower, address))


def _legacy(address: str) -> float:
    if bitcoin.is_valid(address) or _base58_checks(address):
        return _SURE
    return _UNSURE if _mixed(address) else 0.0


def _segwit(address: str) -> float:
    return _SURE if _bech32_checks(address) else _POSSIBLE


def _ethereum(address: str) -> float:
    """Capital letters by EIP-55 are a checksum over Keccak, which mixed case alone betrays."""
    digits = address[2:]
    if len(set(digits.lower())) < 6:
        return 0.0
    return _LIKELY + 0.1 if digits not in (digits.lower(), digits.upper()) else _LIKELY


def _ripple(address: str) -> float:
    return _SURE if _base58_checks(address, _RIPPLE58) else _UNSURE if _mixed(address) else 0.0


def _monero(address: str) -> float:
    return _LIKELY if _mixed(address) else 0.0


def _cardano(address: str) -> float:
    return _SURE if _bech32_checks(address) else _LIKELY


def _solana(address: str) -> float:
    """32 bytes in base 58, without a check: nothing tells them from any other key."""
    number = 0
    for sign in address:
        number = number * 58 + _BASE58.index(sign)
    return _UNSURE if _mixed(address) and 248 < number.bit_length() <= 256 else 0.0


_KINDS: Final = (
    (_LEGACY, _legacy), (_SEGWIT, _segwit), (_CASH, _segwit), (_ETHEREUM, _ethereum), (_RIPPLE, _ripple),
    (_MONERO, _monero), (_CARDANO, _cardano), (_SOLANA, _solana),
)  # fmt: skip
_CUED: Final = 0.35


def _wallets(page: Page) -> Iterator[Span]:
    if not _may_have_wallet(page):
        return
    words = [place for place in page.long_places if place[1] - place[0] >= _SHORTEST]
    for pattern, score_of in _KINDS:
        for match in chain.from_iterable(pattern.finditer(page.text, *word) for word in words):
            score = score_of(match.group())
            if score and score < _SURE and nearby.near(page, cues.WALLET, *match.span()):
                score = min(_SURE, score + _CUED)
            if score:
                yield Span("CRYPTO_WALLET", *match.span(), round(score, 2))


def _may_have_wallet(page: Page) -> bool:
    return page.digits >= 1 and page.longest >= _SHORTEST and _LONG_WORD.search(page.long_words) is not None


WALLET: Final = Detector("wallets", ("CRYPTO_WALLET",), _may_have_wallet, _wallets)
