"""Errors as the OpenAI API writes them."""

import orjson
import pytest
from fakes_door import ended

from pipeline import errors
from pipeline.contracts import ErrorBody, Reply, Request
from pipeline.gateway.problems import STATUS, problem_of_error, problem_of_reply, problem_of_status

REQUEST = Request(id="r", input="hi")


@pytest.mark.parametrize(
    ("status", "code", "http", "kind"),
    [
        ("refused", "residency_refused", 400, "policy_refusal"),
        ("refused", "no_eligible_target", 503, "policy_refusal"),
        ("refused", "budget_refused", 429, "policy_refusal"),
        ("refused", "a_rule_of_tomorrow", 400, "policy_refusal"),
        ("failed", "model_not_found", 404, "invalid_request_error"),
        ("failed", "schema_not_satisfied", 422, "invalid_request_error"),
        ("failed", "target_overloaded", 429, "rate_limit_error"),
        ("failed", "deadline_exceeded", 504, "server_error"),
        ("failed", "internal", 500, "server_error"),
        ("failed", "a_code_of_tomorrow", 500, "server_error"),
    ],
)
def test_refused_and_failed_have_the_status_of_their_class(status: str, code: str, http: int, kind: str) -> None:
    problem = problem_of_reply(ended(REQUEST, status, code))
    assert problem.status == http
    assert orjson.loads(problem.body) == {
        "error": {"message": f"because of {code}.", "type": kind, "code": code, "param": None}
    }


def test_the_rule_that_refused_is_named() -> None:
    assert (
        problem_of_reply(ended(REQUEST, "refused", "residency_refused", rule="eu-only")).headers["x-stepwell-rule"]
        == "eu-only"
    )


def test_the_wait_is_named_where_another_try_makes_sense_and_clients_are_told_where_not() -> None:
    assert problem_of_error(errors.TargetOverloaded("busy", retry_after_s=2.2)).headers["retry-after"] == "3"
    assert problem_of_error(errors.TransportUnavailable("gone")).headers == {"retry-after": "1"}
    assert problem_of_error(errors.NoWorker("none")).headers == {"retry-after": "1"}
    assert problem_of_error(errors.IdempotencyConflict("used")).headers == {"x-should-retry": "false"}
    assert problem_of_error(errors.NoEligibleTarget("none")).headers == {"x-should-retry": "false"}


def test_a_limit_that_passes_within_a_minute_may_be_tried_again_by_the_client_itself() -> None:
    """The official clients wait as long as they are told, up to a minute; beyond that they would hammer."""
    soon = problem_of_error(errors.RateLimited("used up", rule="per-minute", retry_after_s=12.1))
    assert soon.headers == {"x-stepwell-rule": "per-minute", "retry-after": "13"}
    tomorrow = problem_of_error(errors.BudgetRefused("used up", retry_after_s=7200.0))
    assert tomorrow.headers == {"retry-after": "7200", "x-should-retry": "false"}
    assert problem_of_error(errors.EscalationCapped("capped")).headers == {"x-should-retry": "false"}


def test_a_prompt_that_fits_nowhere_is_the_callers_to_shorten() -> None:
    problem = problem_of_reply(ended(REQUEST, "failed", "context_length_exceeded", param="messages"))
    error = orjson.loads(problem.body)["error"]
    assert problem.status == 400
    assert (error["type"], error["code"], error["param"]) == (
        "invalid_request_error",
        "context_length_exceeded",
        "messages",
    )


def test_every_error_of_ours_has_a_status() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.StepwellError)
    ]
    assert kinds
    assert {kind.code for kind in kinds} <= STATUS.keys()


def test_http_refusals_have_codes_too() -> None:
    assert orjson.loads(problem_of_status(404, "no such path").body)["error"]["code"] == "not_found"
    assert orjson.loads(problem_of_status(418, "odd").body)["error"]["code"] == "invalid_request"


def test_a_candidate_is_shown_where_the_policy_lets_the_error_carry_it() -> None:
    body = ErrorBody(code="schema_not_satisfied", message="no tier did", candidate='["wrong"]')
    reply = Reply(id="r", tenant="default", status="failed", error=body, policy_revision="p", fingerprint="f")
    assert orjson.loads(problem_of_reply(reply).body)["error"]["candidate"] == '["wrong"]'
    plain = reply.model_copy(update={"error": body.model_copy(update={"candidate": None})})
    assert "candidate" not in orjson.loads(problem_of_reply(plain).body)["error"]
