"""What owners may change: the files in `policies/`, read strictly, refused whole or active whole.

`load` makes a `Policy` out of a folder: `text` reads YAML and remembers places, `validate` holds it against `models`,
`resolve` joins the files, `attached` reads the ones they name, `names` and `soundness` check what belongs together,
`compile` compiles CEL over the `facts` and takes the digest, `lint` refuses what does nothing, `examples` runs what the
files say about themselves, `gaps` asks about what they do not say. `source` keeps the revision in force.
"""

from pipeline.policy.compiled import CompiledRoute, CompiledRule, Policy, RouteChoice, permits
from pipeline.policy.facts import RequestFacts, request_facts
from pipeline.policy.rejudge import decided, decided_about, rejudge

__all__ = [
    "CompiledRoute",
    "CompiledRule",
    "Policy",
    "RequestFacts",
    "RouteChoice",
    "decided",
    "decided_about",
    "permits",
    "rejudge",
    "request_facts",
]
