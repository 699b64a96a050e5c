"""Keys of callers: how one is written, what is kept of it, and what its holder may. Pure: no clock, chance or store.

A key is `sk-sw-<public id>-<secret>`. Its public id may stand anywhere: in lists, records, budgets and logs. The rest
is shown once, when it is made; what is kept is a digest.
"""

from pipeline.keys.record import LANES, SCOPES, KeyLimits, KeyRecord, KeySecret, Scope, Standing
from pipeline.keys.token import PREFIX, digest_of, looks_like, public_id, public_part, token_of, well_formed

__all__ = [
    "LANES",
    "PREFIX",
    "SCOPES",
    "KeyLimits",
    "KeyRecord",
    "KeySecret",
    "Scope",
    "Standing",
    "digest_of",
    "looks_like",
    "public_id",
    "public_part",
    "token_of",
    "well_formed",
]
