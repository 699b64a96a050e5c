"""Many requests from a file: checked line by line before any of them runs, handed in once, followed, fetched in order.

The file is read line by line and never held whole. What a batch is stands in the bucket `batches`: a manifest under its
id, and pages that say which line has which name. Its answers are ordinary results, under `<batch id>-<line number>`; a
second submission of the same file finds the first one and hands in only what is missing.
"""

from pipeline.batch.lines import Entry, Survey, survey
from pipeline.batch.manifest import Manifest, Shelf
from pipeline.batch.progress import Tally, Tracker
from pipeline.batch.results import rows
from pipeline.batch.submit import Submission

__all__ = ["Entry", "Manifest", "Shelf", "Submission", "Survey", "Tally", "Tracker", "rows", "survey"]
