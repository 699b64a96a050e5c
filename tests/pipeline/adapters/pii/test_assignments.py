"""A value is a secret when the text says so and the value bears it out."""

import random

import pytest
from sample_keys import SETTINGS, draw

from pipeline.adapters.pii import PatternScanner

SCANNER = PatternScanner()
NONE = (
    "password: <your password here>",
    "token = tokenizer.encode(text)",
    'password = getpass.getpass("Password: ")',
    "def login(user: str, password: str) -> Token2:",
    "token_count = 512",
    '"password": "string"',
    'password=os.environ["DB_PASSWORD_1"]',
    "api_key=settings.API_KEY_2",
    'secret_name = "projects/p1/secrets/s2"',
    "assert token == Token.NUMBER2",
    "tokens: 4096",
    "I forgot my password, can you reset it within 24 hours?",
    "The secret of success is hard work2.",
    "password must be at least 8 characters",
    "the token is valid until 2024-05-01",
    "bearer of bad news 12345",
    "password_hash = sha256(pw)",
    '"token": "https://example.com/x1"',
    'password = "********"',
    'api_key="YOUR_API_KEY"',
    "Authorization: Bearer <token>",
    "Authorization: Bearer $TOKEN1",
    "reset password link expires in 24h",
    "PIN = 13",
    "key lime pie recipe 2",
)


def secrets(text: str) -> list[str]:
    return [text[s.start : s.end] for s in SCANNER.scan_text(text) if s.type == "SECRET" and s.score >= 0.5]


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_value_that_is_called_a_secret_is_found(setting: str) -> None:
    for seed in range(5):
        assert secrets(draw(SETTINGS[setting], random.Random(seed)))


@pytest.mark.parametrize("text", NONE)
def test_placeholders_calls_attributes_and_plain_words_are_no_secrets(text: str) -> None:
    assert secrets(text) == []


def test_only_the_value_is_hidden_and_not_its_name() -> None:
    assert secrets('db_password = "xK9!mQ2p"') == ["xK9!mQ2p"]
    assert secrets("my password is xK9mQ2pz.") == ["xK9mQ2pz"]


def test_security_codes_and_one_time_codes_count() -> None:
    assert secrets("the cvv is 123, my pin is 4821") == ["123", "4821"]
    assert secrets("your verification code is 482913") == ["482913"]
