"""What every store of outcome events promises, in memory and on a server."""

import asyncio

from decisions import collect

from pipeline.contracts import OutcomeEvent
from pipeline.experiments.outcomes import OUTCOMES, record_outcome
from pipeline.ports import Link


def _event(event_id: str = "e1", reward: float = 1.0, tenant: str = "acme") -> OutcomeEvent:
    return OutcomeEvent(id=event_id, request_id="r1", tenant=tenant, reward=reward)


async def test_an_outcome_is_stored_once_whatever_it_says_the_second_time(link: Link) -> None:
    assert await record_outcome(link.streams, _event())
    assert not await record_outcome(link.streams, _event(reward=0.0))
    stored = await collect(link.streams.scan(OUTCOMES))
    assert [OutcomeEvent.model_validate_json(each.body).reward for each in stored] == [1.0]


async def test_of_many_sent_at_once_one_is_stored(link: Link) -> None:
    fresh = await asyncio.gather(*[record_outcome(link.streams, _event()) for _ in range(10)])
    assert sorted(fresh) == [False] * 9 + [True]


async def test_event_ids_of_two_tenants_do_not_meet(link: Link) -> None:
    assert await record_outcome(link.streams, _event(tenant="acme"))
    assert await record_outcome(link.streams, _event(tenant="other"))
