"""Many requests from a file: checked line by line before any of them runs, then run when there is room, and fetched.

A file is stored in pieces and never held whole. Its lines are read into pages; `feeder` hands them in, a bounded number
at a time and by weighted turns between tenants, as ordinary requests in the lane of batches. As lines end, pages of
results are settled. `engine` is what the command line and the HTTP door use.
"""

from pipeline.batch.engine import Engine
from pipeline.batch.model import Batch, Counts, FileInfo, Hours, Options, Row

__all__ = ["Batch", "Counts", "Engine", "FileInfo", "Hours", "Options", "Row"]
