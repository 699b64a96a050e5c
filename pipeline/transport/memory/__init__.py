"""The road in one process, without a server: for tests and for reading. Nothing in it survives the process."""

from pipeline.transport.memory.link import MemoryLink
from pipeline.transport.memory.subjects import matches

__all__ = ["MemoryLink", "matches"]
