"""Passports, driving licences, numbers of patients, vehicles and devices: nearly all need a word."""

import pytest
from scan_pii import said, types

CASES = [
    ("PASSPORT", "Passport No. C01X00T47", "C01X00T47"),
    ("PASSPORT", "US passport 123456789", "123456789"),
    ("PASSPORT", "passport number is A12345678.", "A12345678"),
    ("PASSPORT", "passeport français 12AB34567", "12AB34567"),
    ("PASSPORT", "pasaporte AAA123456", "AAA123456"),
    ("PASSPORT", "passaporto YA1234567", "YA1234567"),
    ("PASSPORT", "Reisepassnummer: C4VGH9876", "C4VGH9876"),
    ("PASSPORT", "paszport AB1234567", "AB1234567"),
    ("PASSPORT", "paspoort NR1AB2C34", "NR1AB2C34"),
    ("PASSPORT", "Indian passport M1234567", "M1234567"),
    ("PASSPORT", "护照号码 E12345678", "E12345678"),
    ("PASSPORT", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"),
    ("PASSPORT", "L898902C36UTO7408122F1204159ZE184226B<<<<<10", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"),
    ("DRIVER_LICENSE", "driver's license number is D1234567", "D1234567"),
    ("DRIVER_LICENSE", "my driving licence MORGA657054SM9IJ", "MORGA657054SM9IJ"),
    ("DRIVER_LICENSE", "driver license: 123456789", "123456789"),
    ("DRIVER_LICENSE", "DL F255-921-50-094-0", "F255-921-50-094-0"),
    ("DRIVER_LICENSE", "driver's license S123-4567-8901", "S123-4567-8901"),
    ("DRIVER_LICENSE", "driver's license number is 1234-56-7890", "1234-56-7890"),
    ("DRIVER_LICENSE", "Führerscheinnummer B072RRE2I55", "B072RRE2I55"),
    ("DRIVER_LICENSE", "permis de conduire 123456789012", "123456789012"),
    ("DRIVER_LICENSE", "patente di guida U1A99999999A"[:17] + "RM1234567A", "RM1234567A"),
    ("DRIVER_LICENSE", "rijbewijs 1234567890", "1234567890"),
    ("DRIVER_LICENSE", "prawo jazdy 00123/45/6789", "00123/45/6789"),
    ("DRIVER_LICENSE", "license no. D1234567 was suspended", "D1234567"),
    ("MEDICAL_ID", "MRN: 00123456", "00123456"),
    ("MEDICAL_ID", "MRN-4567890 was admitted", "4567890"),
    ("MEDICAL_ID", "patient id 4567890", "4567890"),
    ("MEDICAL_ID", "NHS no 943 476 5919", "943 476 5919"),
    ("MEDICAL_ID", "Medicare 1EG4-TE5-MK73", "1EG4-TE5-MK73"),
    ("MEDICAL_ID", "1EG4TE5MK73", "1EG4TE5MK73"),
    ("MEDICAL_ID", "Krankenversichertennummer A123456780", "A123456780"),
    ("MEDICAL_ID", "Medicare card number 2123 45670 1", "2123 45670 1"),
    ("MEDICAL_ID", "DEA number AB1234563", "AB1234563"),
    ("MEDICAL_ID", "provider NPI 1234567893", "1234567893"),
    ("MEDICAL_ID", "health insurance policy number 884-55-2210", "884-55-2210"),
    ("VEHICLE_ID", "VIN 1M8GDM9AXKP042788", "1M8GDM9AXKP042788"),
    ("VEHICLE_ID", "1M8GDM9AXKP042788", "1M8GDM9AXKP042788"),
    ("VEHICLE_ID", "Fahrgestellnummer WBA3A5C51CF256985", "WBA3A5C51CF256985"),
    ("VEHICLE_ID", "license plate 7ABC123", "7ABC123"),
    ("VEHICLE_ID", "number plate AB12 CDE", "AB12 CDE"),
    ("VEHICLE_ID", "Kennzeichen B-AB 1234", "B-AB 1234"),
    ("VEHICLE_ID", "plaque AB-123-CD", "AB-123-CD"),
    ("VEHICLE_ID", "matrícula 1234 BCD", "1234 BCD"),
    ("DEVICE_ID", "IMEI 490154203237518", "490154203237518"),
    ("DEVICE_ID", "imei: 49-015420-323751-8", "49-015420-323751-8"),
    ("DEVICE_ID", "ICCID 8944110068012345674", "8944110068012345674"),
]


@pytest.mark.parametrize(("kind", "text", "number"), CASES)
def test_a_number_of_a_document_is_found_beside_its_word(kind: str, text: str, number: str) -> None:
    assert said(text, kind) == [number]


@pytest.mark.parametrize(
    "text",
    [
        "C01X00T47", "D1234567", "00123456", "A123456780", "7ABC123", "490154203237518", "AB12 CDE",
        "MIT License 2019", "license key and 1234 users", "a passport photo of 35 by 45 mm", "4 patients in 2 rooms",
        "patients: 12 of 45", "he drives 123456 miles", "the registration closes at 12", "a hospital with 1200 beds",
        "P<0.05", "a<b<c", "driver version 471.11.0", "her license expired in 2019",
    ],
)  # fmt: skip
def test_without_the_word_or_without_a_number_nothing_is_found(text: str) -> None:
    assert types(text) == []


def test_a_plate_is_no_driving_licence() -> None:
    assert types("license plate 7ABC123") == ["VEHICLE_ID"]


def test_the_closest_word_decides_between_two_documents() -> None:
    text = "passport C01X00T47, driver's license D1234567, MRN 00123456"
    assert types(text) == ["PASSPORT", "DRIVER_LICENSE", "MEDICAL_ID"]
