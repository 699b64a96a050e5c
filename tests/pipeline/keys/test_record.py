"""What is kept of a key."""

from hypothesis import given
from hypothesis import strategies as st
from keys_made import made

from pipeline.keys import KeyRecord

DIGEST = "ab" * 32


def test_a_key_is_active_until_it_expires_or_is_revoked_whatever_comes_first() -> None:
    _, record = made(expires_at=100.0)
    assert [record.standing(now) for now in (0.0, 99.9, 100.0)] == ["active", "active", "expired"]
    assert record.model_copy(update={"revoked_at": 5.0}).standing(0.0) == "revoked"


def test_after_a_rotation_the_old_secret_ends_and_the_new_one_does_not() -> None:
    _, record = made()
    rotated = record.with_secret(DIGEST, 10.0, 60.0)
    assert [secret.until for secret in rotated.secrets] == [None, 60.0]
    assert rotated.secrets[0].digest == DIGEST
    assert rotated.with_secret("cd" * 32, 70.0, 80.0).secrets[-1].digest == DIGEST


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=8), st.floats(0, 1000))
def test_however_often_it_is_rotated_no_old_secret_gains_time_and_few_are_kept(
    moments: list[float], overlap: float
) -> None:
    _, record = made()
    for number, now in enumerate(sorted(moments)):
        before = {secret.digest: secret.until for secret in record.secrets}
        record = record.with_secret(f"{number:064x}", now, now + overlap)
        assert len(record.secrets) <= 4
        assert [secret.until for secret in record.secrets].count(None) == 1
        for secret in record.secrets[1:]:
            known = before.get(secret.digest)
            assert known is None or (secret.until is not None and secret.until <= known)


def test_a_record_of_a_later_version_is_read_and_what_is_not_known_left_out() -> None:
    _, record = made()
    body = record.model_dump_json()[:-1] + ',"colour":"red"}'
    assert KeyRecord.model_validate_json(body) == record
