"""Random conditions over the facts of requests and targets, and random facts to ask them with."""

from hypothesis import strategies as st

from pipeline.policy.models import Given

TARGETS = [
    {
        "target.name": name,
        "target.provider": provider,
        "target.region": "r",
        "target.jurisdiction": jurisdiction,
        "target.external": external,
        "target.zdr": external,
        "target.baa": False,
        "target.pci": False,
        "target.training": True,
    }
    for name, provider, jurisdiction, external in (("near", "local", "EU", False), ("far", "hosted", "US", True))
]
_TEXTS = {
    "req.tenant": ["default", "acme"],
    "req.lane": ["batch", "interactive"],
    "req.data_class": ["public", "internal", "confidential", "restricted"],
    "req.scan": ["complete", "failed"],
}
_NULLABLE = {"req.task": ["labels", "sums"], "req.origin": ["EU", "US"], "req.user_tier": ["gold"]}
_TARGET_TEXTS = {"target.jurisdiction": ["EU", "US", "CH"], "target.name": ["near", "far"]}
_COUNTS = ["req.tokens", "req.characters", "req.turns"]
_BOOLEANS = ["req.has_tools", "req.has_schema", "req.wants_code", "req.identifiable"]
_SIGNS = ["==", "!=", "<", ">", "<=", ">="]


def _quoted(text: str) -> str:
    return f'"{text}"'


def _texts(facts: dict[str, list[str]], *, null: bool) -> st.SearchStrategy[str]:
    def compared(name: str) -> st.SearchStrategy[str]:
        literals = st.sampled_from([*map(_quoted, facts[name]), '"else"', *(["null"] if null else [])])
        lists = st.lists(literals.filter(lambda one: one != "null"), max_size=3)
        return st.one_of(
            st.builds("{} {} {}".format, st.just(name), st.sampled_from(["==", "!="]), literals),
            st.builds("{1} {0} {2}".format, st.sampled_from(["==", "!="]), literals, st.just(name)),
            lists.map(lambda items: f"{name} in [{', '.join(items)}]"),
        )

    return st.sampled_from(sorted(facts)).flatmap(compared)


_ATOMS = st.one_of(
    _texts(_TEXTS, null=False),
    _texts(_NULLABLE, null=True),
    st.sampled_from(_BOOLEANS),
    st.builds("{} {} {}".format, st.sampled_from(_COUNTS), st.sampled_from(_SIGNS), st.integers(-1, 4)),
    st.builds("req.complexity {} {}".format, st.sampled_from(_SIGNS), st.sampled_from(["0.0", "0.25", "0.5", "1.0"])),
    st.builds("req.max_tokens {} {}".format, st.sampled_from(_SIGNS), st.integers(0, 3)),
    st.sampled_from(["PERSON", "EMAIL"]).map(lambda kind: f'"{kind}" in req.types'),
    st.sampled_from(["team", "x"]).map(lambda key: f'"{key}" in req.metadata'),
    st.builds('req.metadata.{} {} "{}"'.format, st.sampled_from(["team", "x"]), st.sampled_from(["==", "!="]),
              st.sampled_from(["a", "b"])),
    st.sampled_from(
        ['has(req.metadata.team)', 'req.metadata["x"] == "a"', 'req.types.exists(t, t.startsWith("P"))',
         "size(req.types) > 0", "req.types[0] == \"PERSON\"", "1 / req.turns > 0", "true", "false"]
    ),
)  # fmt: skip
_TARGET_ATOMS = st.one_of(
    _texts(_TARGET_TEXTS, null=False),
    st.sampled_from(["target.external", "target.zdr", "target.baa", "req.origin == target.jurisdiction"]),
)


def _combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} && {})".format, parts, parts),
        st.builds("({} || {})".format, parts, parts),
        st.builds("!({})".format, parts),
        st.builds("({} ? {} : {})".format, parts, parts, parts),
    )


conditions = st.recursive(_ATOMS, _combined, max_leaves=6)
"""Conditions over requests."""
target_conditions = st.recursive(_ATOMS | _TARGET_ATOMS, _combined, max_leaves=6)
"""Conditions over requests and targets."""
givens = st.builds(
    Given,
    tenant=st.sampled_from(["default", "acme", "other"]),
    task=st.sampled_from([None, "labels", "sums", "other"]),
    user_tier=st.sampled_from([None, "gold"]),
    origin=st.sampled_from([None, "EU", "US", "CH"]),
    lane=st.sampled_from(["batch", "interactive"]),
    data_class=st.sampled_from(["public", "internal", "confidential", "restricted"]),
    scan=st.sampled_from(["complete", "partial", "failed"]),
    types=st.sampled_from([(), ("PERSON",), ("EMAIL", "PERSON"), ("IBAN",)]),
    has_tools=st.booleans(),
    has_schema=st.booleans(),
    wants_code=st.booleans(),
    tokens=st.integers(0, 5),
    characters=st.integers(0, 5),
    turns=st.integers(0, 3),
    max_tokens=st.sampled_from([None, 1, 2, 3]),
    complexity=st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.9, 1.0]),
    metadata=st.dictionaries(st.sampled_from(["team", "x"]), st.sampled_from(["a", "b", "c"]), max_size=2),
)
