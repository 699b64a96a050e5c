"""Points on the earth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scan_pii import said, types


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("I am at 48.2082, 16.3738 now", "48.2082, 16.3738"),
        ("at 40.712776,-74.005974", "40.712776,-74.005974"),
        ("(40.7128, -74.0060)", "(40.7128, -74.0060)"),
        ("GPS 48.21, 16.37", "48.21, 16.37"),
        ("40.7128° N, 74.0060° W", "40.7128° N, 74.0060° W"),
        ("40°26'46\"N 79°58'56\"W", "40°26'46\"N 79°58'56\"W"),
        ("N 40° 26.767' W 79° 58.933'", "N 40° 26.767' W 79° 58.933'"),
        ("geo:37.786971,-122.399677", "geo:37.786971,-122.399677"),
        ("https://www.google.com/maps/@48.2082,16.3738,17z", "48.2082,16.3738"),
        ("latitude: 48.2082, longitude: 16.3738", "latitude: 48.2082, longitude: 16.3738"),
        ('{"lat": 48.20, "lng": 16.37}', 'lat": 48.20, "lng": 16.37'),
    ],
)
def test_a_point_is_found_in_every_writing(text: str, point: str) -> None:
    assert said(text, "COORDINATES") == [point]


@pytest.mark.parametrize(
    "text",
    [
        "0.944, 0.25", "(0.2126, 0.7152, 0.0722)", "1.5, 2.5", "x = 3.1416, 2.7183", "12.34 + 56.78", "9.99, 19.99",
        "20° C and 30° C", "3.25, 4.75, 5.00", "1.2.3.4", "48.2082 * 16.3738", "a ratio of 0.12345, 0.67890",
        "$10.2500, 20.1234",
    ],
)  # fmt: skip
def test_pairs_of_a_sum_are_no_points(text: str) -> None:
    assert "COORDINATES" not in types(text)


@given(st.floats(-89, 89), st.floats(-179, 179))
def test_any_point_that_is_called_one_is_found(latitude: float, longitude: float) -> None:
    point = f"{latitude:.5f}, {longitude:.5f}"
    assert said(f"GPS coordinates {point}", "COORDINATES") == [point]
