"""Calls that go to a provider as a file of its batch API: for less, and later (docs/adr/0030).

`shelving` is what `Attempts` asks: it puts a call on the shelf and lets its request wait, and on its return finds the
answer there. `shelf` is that shelf, a stream; `records` what lies on it. `collector` runs beside the stages, and one of
all collectors leads (`lease`): it gathers calls into files, and follows each file (`follow`) through the provider's API
(`provider`) until every call has its answer or is given up; `leftovers` wakes who waits and charges what nobody took.
"""

from pipeline.adapters.provider_batches.collector import Collector
from pipeline.adapters.provider_batches.shelf import Shelf
from pipeline.adapters.provider_batches.shelving import Shelving

__all__ = ["Collector", "Shelf", "Shelving"]
