"""The demonstration: requests through the cascade and through each model alone, and a summary that is computed."""

from pipeline.embedded.demo.cases import Case, read_cases
from pipeline.embedded.demo.grading import Expected, grade
from pipeline.embedded.demo.run import Served, ask_all, baseline, records_of
from pipeline.embedded.demo.summary import Alone, Kept, Summary, summarise, who

__all__ = [
    "Alone",
    "Case",
    "Expected",
    "Kept",
    "Served",
    "Summary",
    "ask_all",
    "baseline",
    "grade",
    "read_cases",
    "records_of",
    "summarise",
    "who",
]
