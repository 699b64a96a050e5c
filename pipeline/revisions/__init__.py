"""Policies that were applied: immutable, named by their content, with who, when and why; and the one in force.

A `Bundle` is every file of a policy set. `RevisionStore` keeps bundles and what was done with them in the bucket
`policy`; `changes` says what may be done, as pure functions of what is in force; `Desk` does it. `AppliedPolicies` is
where processes take the policy in force from: what was applied governs, else the folder.
"""

from pipeline.revisions.bundle import Bundle
from pipeline.revisions.changes import Current, Event, Named, Proposal, Signature
from pipeline.revisions.desk import Desk, Done
from pipeline.revisions.named import bundle_named, policy_in_force, policy_named
from pipeline.revisions.source import AppliedPolicies, Standing
from pipeline.revisions.stage import UnderItsRevision
from pipeline.revisions.store import RevisionStore

__all__ = [
    "AppliedPolicies",
    "Bundle",
    "Current",
    "Desk",
    "Done",
    "Event",
    "Named",
    "Proposal",
    "RevisionStore",
    "Signature",
    "Standing",
    "UnderItsRevision",
    "bundle_named",
    "policy_in_force",
    "policy_named",
]
