"""A private key is covered from its head to its foot, and what is left of one that was cut off."""

import random

import pytest
from sample_keys import key_block

from pipeline.adapters.pii import PatternScanner
from pipeline.adapters.pii.detectors.keyblocks import LONGEST_BLOCK

SCANNER = PatternScanner()
KINDS = ("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "DSA ")


def secrets(text: str) -> list[str]:
    return [text[span.start : span.end] for span in SCANNER.scan_text(text) if span.type == "SECRET"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_is_covered_whole(kind: str) -> None:
    block = key_block(kind, random.Random(1))
    assert secrets(f"this is it:\n{block}\nkeep it safe") == [block]


def test_a_block_within_a_json_string_is_covered_whole() -> None:
    block = key_block("", random.Random(2)).replace("\n", "\\n")
    assert secrets(f'{{"private_key": "{block}\\n", "id": 1}}') == [block]


def test_a_block_without_foot_ends_where_its_lines_end() -> None:
    cut = key_block("RSA ", random.Random(3))[:700]
    assert secrets(f"{cut}\nPlease look at it. Thanks.") == [cut]
    assert secrets(cut) == [cut]


def test_a_block_without_head_begins_where_its_lines_begin() -> None:
    block = key_block("", random.Random(4))
    cut = block[block.index("\n", 300) + 1 :]
    assert secrets(f"The rest of it:\n{cut}\nbye") == [cut]


def test_two_blocks_are_two_findings() -> None:
    one, two = key_block("EC ", random.Random(5), 120), key_block("RSA ", random.Random(6))
    assert secrets(f"{one}\n{two}") == [one, two]


def test_a_block_without_end_is_not_followed_for_ever() -> None:
    text = key_block("", random.Random(7), 60_000)
    text = text[: text.index("-----END")]
    assert len(secrets(text)[0]) <= LONGEST_BLOCK + 64


def test_putty_and_json_web_keys_count() -> None:
    body = key_block("", random.Random(8)).splitlines()[1:4]
    putty = "\n".join(["PuTTY-User-Key-File-3: ssh-ed25519", "Encryption: none", "Private-Lines: 3", *body])
    assert secrets(putty)[0] == putty
    assert secrets('{"kty":"EC","crv":"P-256","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}')


def test_public_keys_and_certificates_are_no_secrets() -> None:
    block = key_block("", random.Random(9)).replace("PRIVATE KEY", "CERTIFICATE")
    assert secrets(block) == []
