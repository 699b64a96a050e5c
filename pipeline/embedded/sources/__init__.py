"""Where weights can come from. A source fetches the whole file or says in one sentence why it cannot."""

from pipeline.embedded.sources.base import Report, Source
from pipeline.embedded.sources.folder import Folder
from pipeline.embedded.sources.hub import Hub
from pipeline.embedded.sources.registry import Registry

__all__ = ["Folder", "Hub", "Registry", "Report", "Source"]
