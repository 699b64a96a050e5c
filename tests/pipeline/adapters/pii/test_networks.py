"""Addresses of machines."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scan_pii import said, types


@pytest.mark.parametrize(
    "address",
    [
        "203.0.113.77", "10.0.0.1", "255.255.255.254", "198.51.100.0/24", "2001:db8::8a2e:370:7334", "2001:DB8::1",
        "fe80::1ff:fe23:4567:890a", "fe80::1%eth0", "::ffff:203.0.113.9", "2001:db8::/32", "fd12:3456:789a:1::1",
        "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    ],
)  # fmt: skip
def test_an_address_is_found_bare_in_brackets_and_in_an_url(address: str) -> None:
    assert said(f"from {address} at noon", "IP") == [address]
    assert said(f"[{address}]", "IP") == [address]


def test_an_address_before_a_port_and_in_an_url_is_found() -> None:
    assert said("http://203.0.113.77:8080/x", "IP") == ["203.0.113.77"]
    assert said("http://[2001:db8::1]:443/", "IP") == ["2001:db8::1"]


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "0.0.0.0", "::1", "version 1.2.3.4", "256.1.1.1", "1.2.3", "1.2.3.4.5", "std::vector", "12:30:45",
        "a::b::c", "section 1.2.3.4", "224.0.0.1", "::", "x[1::2]", "10:20:30:40",
    ],
)  # fmt: skip
def test_what_is_nobodys_or_no_address_is_left(text: str) -> None:
    assert "IP" not in types(text)


@given(st.integers(min_value=0x01000000, max_value=0xDFFFFFFF))
def test_any_address_of_version_four_that_may_be_someones_is_found(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    assert said(f"host {address}!", "IP") == ([] if address.is_loopback else [str(address)])


@given(st.integers(min_value=1 << 125, max_value=(1 << 126) - 1))
def test_any_global_address_of_version_six_is_found_however_it_is_written(number: int) -> None:
    address = ipaddress.IPv6Address(number)
    for written in (address.compressed, address.exploded, address.exploded.upper()):
        assert said(f"host {written} is up", "IP") == [written]


@pytest.mark.parametrize("mac", ["00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7", "001b.4411.3ab7"])
def test_a_mac_is_found_in_its_three_ways_of_writing(mac: str) -> None:
    assert said(f"device {mac} joined", "MAC") == [mac]


def test_twelve_digits_are_a_mac_when_they_are_called_one() -> None:
    assert said("MAC address: 001b44113ab7", "MAC") == ["001b44113ab7"]
    assert types("001b44113ab7") == []


@pytest.mark.parametrize("text", ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "12:30:45:10:20", "2024.0101.1200"])
def test_what_is_no_ones_is_no_mac(text: str) -> None:
    assert "MAC" not in types(text)
