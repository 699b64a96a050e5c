"""A model server that follows a script: the shape of the OpenAI API, no weights, the same answer every time.

It behaves by words in the model's name, so that a test or a demonstration asks for trouble by asking for a model:

    slow        answers after 2 s                    error       500
    flaky       503 for every other try of a key     reject      400
    429         429 with Retry-After                 drip        one token every 50 ms
    hang        never answers                        stall       half an answer, then silence
    truncated   cut off in the middle                midway      half a stream, then an error object
    wrong-json  JSON that breaks the asked schema    fenced      log-probabilities with a code fence the text lacks
    unsure      low log-probabilities                fast        no delay
    reasons     reasons about the question, and full of doubt, before it answers
    small       unsure for about 35 % of prompts     large       always sure

Any other name gives a plausible answer that depends on the last user message (and the seed) alone.
"""

from pipeline.embedded.scripted.server import ScriptedServer

__all__ = ["ScriptedServer"]
