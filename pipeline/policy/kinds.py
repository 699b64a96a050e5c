"""The kinds of personal data that policies may speak of, and the groups that decisions are made with."""

from typing import Final

__all__ = ["CONTACTS", "EVERY", "KINDS_OF_DATA", "NAMES", "OPAQUE", "SPECIAL", "covers"]

EVERY: Final = "*"
"""In a list of types: all of them."""
OPAQUE: Final = "OPAQUE"
"""The type of what cannot be scanned. Like any other type it has the class that the policy gives it."""
NAMES: Final = frozenset({"LOCATION", "NRP", "ORG", "PERSON"})
"""What only the language pipeline finds."""
SPECIAL: Final = frozenset({"HEALTH", "BIOMETRIC", "GENETIC", "SEXUAL", "RELIGION", "POLITICS", "UNION", "CRIMINAL"})
"""Categories that the law protects most (GDPR, articles 9 and 10)."""
CONTACTS: Final = frozenset(
    {
        "ADDRESS", "BANK_ACCOUNT", "COORDINATES", "CREDIT_CARD", "CRYPTO_WALLET", "DATE_OF_BIRTH", "DEVICE_ID",
        "DRIVER_LICENSE", "EMAIL", "IBAN", "IP", "MAC", "MEDICAL_ID", "NATIONAL_ID", "PASSPORT", "PHONE",
        "US_SSN", "VEHICLE_ID",
    }
)  # fmt: skip
"""What, beside a name, says who that is: contacts, ids and addresses."""
KINDS_OF_DATA: Final = NAMES | SPECIAL | CONTACTS | {"AGE", "OPAQUE", "SECRET"}
"""Every type that the scanner knows. A policy that names another one is warned about."""


def covers(types: tuple[str, ...], kind: str) -> bool:
    """Whether a list of types, in which `*` stands for all, holds `kind`."""
    return EVERY in types or kind in types
