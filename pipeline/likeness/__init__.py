"""Whether the answer to a remembered question may serve a new one: the guard behind the search by likeness.

    index, verdict = best(question, [(remembered, cosine), …])

One file for each check (`objections` lists them). With the weights that come along every check forbids, and only
courtesies, articles, spelling and self-corrections may differ; learned weights (`Weights.from_json`) may allow more.
Only the last message of the user is compared: system prompt, earlier turns, tools and schema are parts of the key of
the partition and must be the same before anything is compared.
"""

from pipeline.likeness.encoder import ENCODER
from pipeline.likeness.judge import Verdict, best, judge
from pipeline.likeness.reading import Reading, read
from pipeline.likeness.weights import BUILTIN, Weights

__all__ = ["BUILTIN", "ENCODER", "Reading", "Verdict", "Weights", "best", "judge", "read"]
