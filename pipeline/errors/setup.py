"""What a person has to change first."""

from pipeline.errors.base import StepwellError

__all__ = [
    "AlreadyRunning",
    "ChangeRefused",
    "ModelMissing",
    "NotRunning",
    "PartMissing",
    "PolicyInvalid",
    "PortInUse",
    "ProvisionRefused",
    "SetupError",
    "SourceUnreachable",
]


class SetupError(StepwellError):
    """A person has to change something first; the message says what."""

    code = "setup"


class PolicyInvalid(SetupError):
    """A policy file is wrong. The message holds `file:line:column: what: what to do`, one line for each problem."""

    code = "policy_invalid"


class ChangeRefused(SetupError):
    """A change of the policies cannot take force: it needs an approval, or somebody else was faster."""

    code = "change_refused"


class PortInUse(SetupError):
    """Another program listens on a port that we need."""

    code = "port_in_use"


class AlreadyRunning(SetupError):
    """This data directory already has a running Stepwell."""

    code = "already_running"


class NotRunning(SetupError):
    """Nothing answers at the address; it has to be started first."""

    code = "not_running"


class ModelMissing(SetupError):
    """The weights of a model are not on this machine."""

    code = "model_missing"


class SourceUnreachable(SetupError):
    """No source of the weights can be reached."""

    code = "source_unreachable"


class ProvisionRefused(SetupError):
    """Provisioning would destroy data or weaken a guarantee."""

    code = "provision_refused"


class PartMissing(SetupError):
    """An optional part is not installed."""

    code = "part_missing"
