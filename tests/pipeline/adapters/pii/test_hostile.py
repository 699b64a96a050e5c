"""Texts made to be slow are scanned in time that grows with their length, not faster."""

import sys
import time

import pytest

from pipeline.adapters.pii import PatternScanner

SCANNER = PatternScanner()
KILOBYTES = 50
SEEDS = (
    "a.", "0.", "1 ", "1-", "1:", "1/", "11.", "(1", "a", "7", " ", "\u200b1", "\u200b", "a@", "a@a.", "AB12 ",
    "12 Aa ", "eyJ", "eyJa.", "-eyJaaaaaaaa.", "sk-", "-sk-", "://a", "://a:b", "a://:bbb", "P<", "-----BEGIN ", "(((",
    "[at]", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----\n", "PuTTY-User-Key-File-2:\n", "password ",
    "password: a1", "password=\"", "passw", "token: ", "token a1b2c3d4 ", "secret=", "pwd=a;", "jdbc:", "host=a ",
    "curl -u ", "machine a login ", "bearer ", "basic QTpC ", "phone 12345678 ", "card 4111111111111111 ", "card 1 ",
    "[at]a", "a[at]", " at a dot ", "a at a.", "Astraße ", "Via a ", "passport 123456 ", "http://a.a.", "born 1.1.1 ",
    "1 Aa Aa Street ", "fe80:", "::1", "DE12 ", "é1", "1 St, A ", "patient 1", "+1 ", "4 1 1 1 ", "12 3 ", "4.1.1.",
    "１", "a b c ", "data:text/csv;base64,", "data:,a%40", "%40", "&#64;", "\\u0040", "AKIA", "Q~", "sig=", "1/1:",
    "A1b2C3d4E5f6G7h8", "key A1b2C3d4E5f6G7h8J9k1 ", "dapi0", "=", "'", "kty\"d\":\"",
)  # fmt: skip


def hostile(seed: str, kilobytes: int) -> str:
    return seed * (kilobytes * 1024 // len(seed))


def steps(text: str) -> int:
    """Work without a clock: how many lines of Python run. Searches of the regular expressions count once."""
    count = 0

    def tick(*_: object) -> object:
        nonlocal count
        count += 1
        return tick

    SCANNER.scan_text(text)  # whatever is loaded or remembered on first sight is so now
    before = sys.gettrace()
    sys.settrace(tick)  # type: ignore[arg-type]
    try:
        SCANNER.scan_text(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("seed", SEEDS)
def test_fifty_kilobytes_of_a_hostile_pattern_take_less_than_two_seconds(seed: str) -> None:
    """The bound is generous, for a busy machine; what it excludes is time that grows with the square of the length."""
    start = time.process_time()
    SCANNER.scan_text(hostile(seed, KILOBYTES))
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize("seed", SEEDS)
def test_four_times_the_text_takes_about_four_times_the_work(seed: str) -> None:
    assert steps(hostile(seed, 8)) < 6 * steps(hostile(seed, 2)) + 2000
