"""Addresses of crypto currencies."""

import pytest
from scan_pii import said, types

ADDRESSES = {
    "Bitcoin": "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    "Bitcoin, script": "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
    "Bitcoin, SegWit": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "Bitcoin, Taproot": "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    "Ethereum": "0x52908400098527886E0F7030069857D2E4169EE7",
    "Ethereum, lower case": "0xde709f2102306220921060314715629080e2fb77",
    "Ripple": "rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh",
    "Tron": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
    "Dogecoin": "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L",
    "Monero": "4" + "8" + "A1b2C3d4E5f6G7h8J9k" * 4 + "A1b2C3d4E5f6G7h8J",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_is_found_alone(address: str) -> None:
    assert said(f"send it to {address}, thanks", "CRYPTO_WALLET") == [address]


def test_an_address_with_a_typing_error_or_without_a_check_needs_a_word() -> None:
    wrong, solana = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV"
    assert types(f"see {wrong}") == types(f"see {solana}") == []
    assert types(f"bitcoin {wrong}") == types(f"solana {solana}") == ["CRYPTO_WALLET"]


@pytest.mark.parametrize(
    "text",
    ["0x0000000000000000000000000000000000000000", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "a" * 34, "1" * 34,
     "internationalisationalisation", "0xdeadbeef", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2" * 2],
)  # fmt: skip
def test_hashes_and_long_words_are_no_addresses(text: str) -> None:
    assert "CRYPTO_WALLET" not in types(text)
