"""The detectors in force. Each states a cheap condition without which it cannot find anything."""

from typing import Final

from pipeline.adapters.pii.detectors.addresses import ADDRESS
from pipeline.adapters.pii.detectors.assignments import ASSIGNMENTS
from pipeline.adapters.pii.detectors.banks import BANK
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.detectors.births import AGE, BIRTH
from pipeline.adapters.pii.detectors.contact import EMAIL, PHONE
from pipeline.adapters.pii.detectors.credentials import ADDRESSED, CREDENTIALS
from pipeline.adapters.pii.detectors.devices import DEVICE, VEHICLE
from pipeline.adapters.pii.detectors.disguises import disguises
from pipeline.adapters.pii.detectors.embedded import embedded
from pipeline.adapters.pii.detectors.ids import NATIONAL, SSN
from pipeline.adapters.pii.detectors.keyblocks import KEY_BLOCKS
from pipeline.adapters.pii.detectors.licences import LICENCE
from pipeline.adapters.pii.detectors.medical import MEDICAL
from pipeline.adapters.pii.detectors.money import CARD, IBAN
from pipeline.adapters.pii.detectors.networks import IP, MAC
from pipeline.adapters.pii.detectors.passports import PASSPORT
from pipeline.adapters.pii.detectors.places import PLACE
from pipeline.adapters.pii.detectors.special import SPECIAL
from pipeline.adapters.pii.detectors.wallets import WALLET

__all__ = ["DETECTORS", "DIRECT", "Detector"]

DIRECT: Final[tuple[Detector, ...]] = (
    CREDENTIALS, ADDRESSED, KEY_BLOCKS, ASSIGNMENTS,
    EMAIL, CARD, IBAN, BANK, PHONE, SSN, NATIONAL, PASSPORT, LICENCE, MEDICAL,
    DEVICE, VEHICLE, IP, MAC, WALLET, PLACE, BIRTH, AGE, SPECIAL, ADDRESS,
)  # fmt: skip
"""What reads a text as it stands."""

DETECTORS: Final[tuple[Detector, ...]] = (*DIRECT, *disguises(DIRECT), embedded(DIRECT))
"""All in force: the direct ones, and those which read disguised and embedded parts again with them."""
