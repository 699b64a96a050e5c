"""What could be wrong on this machine, one sentence for each thing, and what to do about it. It changes nothing."""

from pipeline.embedded.doctor.examine import examine
from pipeline.embedded.doctor.finding import Finding

__all__ = ["Finding", "examine"]
