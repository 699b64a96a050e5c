"""Texts with invented data, and small stand-ins for the scan process."""

import sys
from collections.abc import Sequence
from pathlib import Path

EXAMPLES: dict[str, tuple[str, ...]] = {
    "CREDIT_CARD": (
        "Charge 4111 1111 1111 1111 please.",
        "Charge 4111-1111-1111-1111 please.",
        "amex 378282246310005",
        "old visa 4222222222222",
        "maestro 6304000000000000",
        "2-series 2223003122003222",
        "nineteen digits: card 6304000000000000003",
        "card 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "my card 4111 1111 1111 1112 has a typo",
    ),
    "IBAN": (
        "Pay GB82 WEST 1234 5698 7654 32 today",
        "Pay DE89370400440532013000 today",
        "iban de89370400440532013000",
        "NO93 8601 1117 947 is enough",
        "konto DE89370400440532013001 hat einen Tippfehler",
    ),
    "EMAIL": (
        "write to odalys.brandvold+x@mail.example.org!",
        "write to odalys [at] example [dot] org",
        "müller@example.de",
    ),
    "PHONE": (
        "call +49 30 901820",
        "call 212-555-0147 now",
        "(212) 555-0147 after six",
        "Tel. 0496 46 46 70",
        "my number: phone 467 3395",
        "0033 1 42 68 53 00",
    ),
    "US_SSN": ("SSN 536-90-4399", "536-90-4399 it was", "social security number 536904399"),
    "NATIONAL_ID": (
        "CPF 111.444.777-35",
        "codice fiscale RSSMRA85T10A562S",
        "DNI 12345678Z",
        "hetu 131052-308T",
        "personnummer 811228-9874",
        "NINO AB 12 34 56 C",
        "AHV 756.9217.0769.85",
        "PESEL 44051401359",
        "NIR 1 85 05 78 006 084 91",
        "RRN 850101-1234567",
    ),
    "BANK_ACCOUNT": (
        "routing number 021000021",
        "account number 123456789",
        "Sort code 20-00-00, account 55779911",
        "Kontonummer 1234567, BLZ 370 400 44",
        "SWIFT: DEUTDEFF500",
    ),
    "DRIVER_LICENSE": ("driver's license number is D1234567",),
    "PASSPORT": ("Passport No. C01X00T47", "Reisepass: C01X00T47", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"),
    "MEDICAL_ID": ("MRN: 00123456", "patient number 4567890", "NHS no 943 476 5919", "Medicare 1EG4-TE5-MK73"),
    "IP": ("from 203.0.113.77 at noon", "host 2001:db8::8a2e:370:7334 is up", "fe80::1ff:fe23:4567:890a."),
    "MAC": ("device 00:1B:44:11:3A:B7 joined", "00-1b-44-11-3a-b7", "001b.4411.3ab7"),
    "DATE_OF_BIRTH": ("born on 12 March 1985", "DOB: 12/03/1985", "geboren am 12.03.1985", "née le 3 août 1971"),
    "DEVICE_ID": ("IMEI 490154203237518", "imei: 49-015420-323751-8"),
    "VEHICLE_ID": ("VIN 1M8GDM9AXKP042788", "license plate 7ABC123"),
    "CRYPTO_WALLET": (
        "pay 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "0x52908400098527886E0F7030069857D2E4169EE7",
    ),
    "COORDINATES": ("I am at 48.2082, 16.3738 now", "40°26'46\"N 79°58'56\"W", "geo:37.786971,-122.399677"),
    "HEALTH": ("she was diagnosed with leukemia", "Er leidet an Depressionen", "ICD-10: F32.1"),
    "BIOMETRIC": ("her fingerprint was taken",),
    "GENETIC": ("my genetic test came back",),
    "SEXUAL": ("he is gay",),
    "RELIGION": ("I am a practicing Catholic",),
    "POLITICS": ("she voted for the Greens",),
    "UNION": ("he is a union member",),
    "CRIMINAL": ("convicted of armed robbery",),
    "ADDRESS": (
        "I live at 742 Evergreen Terrace, Springfield, IL 62704",
        "ship it to 12 main street",
        "Hauptstraße 12a, 10115 Berlin",
        "12 rue de la Paix, Paris",
        "Via Roma 5",
        "ul. Długa 7",
        "P.O. Box 4711",
        "Kerkstraat 14",
        "FPO AA 85844",
    ),
    "SECRET": (
        "AKIAIOSFODNN7EXAMPLE",
        "token ghp_" + "a1B2" * 9,
        "glpat-" + "x1" * 10,
        "xoxb-1234567890-abcdef",
        "sk-proj-" + "aB3" * 12,
        "sk_live_" + "a1" * 12,
        "AIza" + "Sy1" * 11 + "Ab",
        "SG." + "a1" * 11 + "." + "b2" * 20,
        "npm_" + "a1" * 18,
        "pypi-" + "Ag" * 20,
        "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
        "postgres://admin:s3cr3t@db.internal/x",
        'password = "hunter2xyz"',
        "Authorization: Bearer abcDEF123456",
    ),
}
"""Texts in which the scanner finds one thing of the type above the usual threshold. All identities are invented."""

CLEAN: tuple[str, ...] = (
    "",
    "Why is the sky blue?",
    "8 blue tulips in a row.",
    "0.944 - 0.25 = 0.694",
    "Natalia sold 48 clips in April and 24 in May, 72 altogether.",
    "He drove 150 miles, covering 60 miles each hour, then 3 miles down the road.",
    "for i in range(10): x[i] = a.b.c(i, token=None)  # version 1.2.3.4",
    "It is 12:30:45 on 2024-11-22, and the total is $1,234,567.89.",
    "std::vector<int> v{1, 2, 3}; a::b::c();",
    "password: <your password here>",
    "token = tokenizer.encode(text)",
    "the server listens on 127.0.0.1 and 0.0.0.0",
)

SPARSE: tuple[str, ...] = ("from 1.2.3.4 ", "call +1 (2 (3 (4 (5 (6 (7 ", "Via A 1", "fe80::1 ", "PESEL 440514 01359")
"""Findings with as few digits, and as many separators between them, as they can have."""

FRAGMENTS: tuple[str, ...] = (*(text for texts in EXAMPLES.values() for text in texts), *CLEAN, *SPARSE)


def child(folder: Path, body: str) -> Sequence[str]:
    """A command for a scan process of our own: `body` sees `send(value)`, `read()` and `answer(job, rows)`."""
    script = folder / "child.py"
    script.write_text(
        "import os, sys, time\n"
        "from pipeline.adapters.pii import frames\n"
        "def read():\n    return frames.read_blocking(sys.stdin.buffer)\n"
        "def send(value):\n    sys.stdout.buffer.write(frames.pack(value)); sys.stdout.buffer.flush()\n"
        "def answer(job, units):\n"
        "    return {'id': job['id'], 'types': ['SEEN'], 'units': units,\n"
        "            'languages': [['en']] * len(units), 'covered': [True] * len(units)}\n"
        f"{body}\n"
    )
    return (sys.executable, str(script))


ECHO = """
send({"engine": "echo-1"})
while (job := read()) is not None:
    if "drop" in job:
        continue
    send({"at": [job["id"]]})
    if "die" in job["units"]:
        os._exit(3)
    if "hang" in job["units"]:
        time.sleep(60)
    if "slow" in job["units"]:
        time.sleep(0.15)
    if "break" in job["units"]:
        send({"id": job["id"], "error": "ValueError"})
        continue
    send(answer(job, [[[0, 0, len(unit), 0.9]] if unit else [] for unit in job["units"]]))
"""
"""A scan process that finds every unit to be one SEEN thing, and dies, hangs or breaks when told."""
