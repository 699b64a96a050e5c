"""What leaves the house, and in which form: the one place that turns a request into what somebody else may see.

`units` names the texts of a request, `recurring` finds what was found once wherever it stands, and `rewriting` puts
something else there; `guard` decides and makes the sealed view of a request for one target; `pseudonyms` replaces
personal data by tokens, `restore` puts it back, `redact` looks at what a model says, and `return_path` joins the two
for an answer, streamed or whole.
"""
