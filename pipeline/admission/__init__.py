"""The way in: service endpoints that take requests, make them durable, and say at once what is wrong with them.

They run in the workers of the first stage, so that a request finds either somebody who takes it or, without any delay,
that nobody is there.
"""

from pipeline.admission.fairness import has_room, pause_s, row_for, water_level
from pipeline.admission.gate import Gate
from pipeline.admission.reading import fingerprint, parse_outcome, parse_request
from pipeline.admission.service import ACCEPTED_HEADER, FRESH_HEADER, Admission

__all__ = [
    "ACCEPTED_HEADER",
    "FRESH_HEADER",
    "Admission",
    "Gate",
    "fingerprint",
    "has_room",
    "parse_outcome",
    "parse_request",
    "pause_s",
    "row_for",
    "water_level",
]
