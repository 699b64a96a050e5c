"""What can be told of a request cheaply and without a model: sizes, wishes, complexity, a learned difficulty. Pure.

`conversation` counts what a request consists of, `reading` reads its words once, `complexity` and `wants` judge them,
`asked` has all of it under the names of signals, `prefix` gives keyed digests, `estimate` has the arithmetic of tokens
and worst costs, `difficulty` is the learned score over the `features` of a text.
"""

from pipeline.signals.complexity import PARTS, Complexity, complexity
from pipeline.signals.conversation import Survey, survey
from pipeline.signals.estimate import input_tokens, output_tokens, prompt_tokens
from pipeline.signals.prefix import key_of, prefix_digests, scope_digest, sticky_key

__all__ = [
    "PARTS",
    "Complexity",
    "Survey",
    "complexity",
    "input_tokens",
    "key_of",
    "output_tokens",
    "prefix_digests",
    "prompt_tokens",
    "scope_digest",
    "sticky_key",
    "survey",
]
