"""Texts made to be slow are scanned in bounded time."""

import time

import pytest

from pipeline.adapters.pii import PatternScanner

KILOBYTES = 50
SEEDS = (
    "a.", "0.", "1 ", "1-", "1:", "1/", "11.", "(1", "a", "7", " ", "\u200b1", "a@", "a@a.", "AB12 ", "12 Aa ", "eyJ",
    "eyJa.", "sk-", "://a", "://a:b", "P<", "-----BEGIN PRIVATE KEY-----", "password ", "password: a1", "token: ",
    "phone 12345678 ", "card 4111111111111111 ", "card 1 ", "[at]a", "a[at]", "Astraße ", "Via a ", "passport 123456 ",
    "http://a.a.", "born 1.1.1 ", "1 Aa Aa Street ", "fe80:", "::1", "DE12 ", "é1", "1 St, A ", "patient 1",
)  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_fifty_kilobytes_of_a_hostile_pattern_take_less_than_two_seconds(seed: str) -> None:
    """The bound is generous, for a busy machine; what it excludes is time that grows with the square of the length."""
    text = (seed * (KILOBYTES * 1024 // len(seed) + 1))[: KILOBYTES * 1024]
    start = time.process_time()
    PatternScanner().scan_text(text)
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize("seed", SEEDS)
def test_twice_the_text_takes_about_twice_the_time(seed: str) -> None:
    def seconds(kilobytes: int) -> float:
        text = (seed * (kilobytes * 1024 // len(seed) + 1))[: kilobytes * 1024]
        best = float("inf")
        for _ in range(2):
            start = time.process_time()
            PatternScanner().scan_text(text)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(64) < 10 * seconds(16) + 0.05
