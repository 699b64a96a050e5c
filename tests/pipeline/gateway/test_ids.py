"""Ids that the door makes up."""

import os

from pipeline.contracts import is_name
from pipeline.gateway.ids import Ids


def test_ids_are_names_of_32_digits_and_no_two_are_alike() -> None:
    new = Ids()
    made = [new() for _ in range(2_000)]

    assert len(set(made)) == len(made)
    assert all(len(name) == 32 and is_name(name) and set(name) <= set("0123456789abcdef") for name in made)


def test_a_forked_process_does_not_make_the_ids_of_its_parent() -> None:
    new = Ids()
    new()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, new().encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reading, 64).decode() != new()
