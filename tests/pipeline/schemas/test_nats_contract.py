"""The page for people, the document for machines, and what admission does: the same verbs, subjects and headers."""

import re
from pathlib import Path

from pipeline.admission import ACCEPTED_HEADER, FRESH_HEADER
from pipeline.schemas import asyncapi
from pipeline.schemas.asyncapi import HEADERS
from pipeline.topology import VERBS, cancel_subject, request_subject
from pipeline.transport.answers import PART_HEADER, PARTS_HEADER, SHA256_HEADER

PAGE = (Path(__file__).parents[3] / "docs" / "NATS.md").read_text()


def rows(title: str) -> list[list[str]]:
    """The table below a heading, without its head."""
    section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def subjects_of_the_document() -> set[str]:
    channels = asyncapi()["channels"]
    addresses = {channels[name]["address"] for name in (*VERBS, "cancel")}
    return {address.replace("{", "<").replace("}", ">").replace("request_id", "id") for address in addresses}


def test_the_page_names_every_subject_and_no_other() -> None:
    told = {row[0].strip("`") for row in rows("Verbs")}
    known = {request_subject(verb, "<tenant>") for verb in VERBS} | {cancel_subject("<tenant>.<id>")}
    assert told == known == subjects_of_the_document()


def test_the_page_names_every_header_of_the_document_and_no_other() -> None:
    assert {row[0].strip("`") for row in rows("Headers")} == set(HEADERS)


def test_every_header_stands_on_a_message_that_exists() -> None:
    document = asyncapi()
    messages = document["components"]["messages"]
    for header, (on, _) in HEADERS.items():
        for name in on:
            assert header in messages[name]["headers"]["properties"]


def test_headers_of_the_code_are_in_the_document() -> None:
    assert {ACCEPTED_HEADER, FRESH_HEADER, PARTS_HEADER, PART_HEADER, SHA256_HEADER} <= set(HEADERS)


def test_figures_of_the_page_are_those_of_the_code() -> None:
    from pipeline.admission import gate
    from pipeline.layout import OBJECT_BUCKETS
    from pipeline.policy.models.limits import AdmissionLimits
    from pipeline.transport import answers, claims

    limits = AdmissionLimits()
    ages = {spec.name: spec.max_age_s for spec in OBJECT_BUCKETS}
    for sentence in (
        f"`interactive: {limits.interactive}`, `batch: {limits.batch}`",
        f"at most {gate.HANDLED:,} requests",
        f"{gate.WAITING:,} callers ({gate.WAITING_OF_ONE} of one tenant)",
        f"more than {claims.INLINE // 1024} KiB",
        f"up to {claims.MAX_BODY // 1024**2} MiB",
        f"at most {answers.PART // 1024} KiB",
        f"vanish {ages[claims.BUCKET] / 3600:.0f} hours",
    ):
        assert re.search(re.escape(sentence), PAGE), sentence
