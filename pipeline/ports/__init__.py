"""What stages and the runner need from the world, as protocols. Adapters implement them; tests use small fakes."""

from pipeline.ports.board import Board, RouteStanding
from pipeline.ports.cache import AnswerStore, Asked, Cache, Kept
from pipeline.ports.link import Conversation, Endpoint, Incoming, Link, Spoken, Subscription
from pipeline.ports.models import (
    Completion,
    Made,
    ModelCall,
    ModelClient,
    Permit,
    Piece,
    Progress,
    Reader,
    TokenSink,
    Try,
)
from pipeline.ports.money import Charge, Denial, Ledger, RateCheck, RateMeter, RateVerdict
from pipeline.ports.objects import Objects
from pipeline.ports.privacy import PiiScanner, ScanReport
from pipeline.ports.records import AuditLog, AuditReference, Journal, ResultStore
from pipeline.ports.road import Delivery, Handler, Transport
from pipeline.ports.stage import Caller, NotDurable, Observer, Outcome, Run, Stage
from pipeline.ports.streams import Appended, Bucket, Conflict, Entry, Stored, Streams
from pipeline.ports.time import Clock, Random
from pipeline.ports.vault import Vault
from pipeline.ports.weights import Weights, WeightStore

__all__ = [
    "AnswerStore",
    "Appended",
    "Asked",
    "AuditLog",
    "AuditReference",
    "Board",
    "Bucket",
    "Cache",
    "Caller",
    "Charge",
    "Clock",
    "Completion",
    "Conflict",
    "Conversation",
    "Delivery",
    "Denial",
    "Endpoint",
    "Entry",
    "Handler",
    "Incoming",
    "Journal",
    "Kept",
    "Ledger",
    "Link",
    "Made",
    "ModelCall",
    "ModelClient",
    "NotDurable",
    "Objects",
    "Observer",
    "Outcome",
    "Permit",
    "Piece",
    "PiiScanner",
    "Progress",
    "Random",
    "RateCheck",
    "RateMeter",
    "RateVerdict",
    "Reader",
    "ResultStore",
    "RouteStanding",
    "Run",
    "ScanReport",
    "Spoken",
    "Stage",
    "Stored",
    "Streams",
    "Subscription",
    "TokenSink",
    "Transport",
    "Try",
    "Vault",
    "WeightStore",
    "Weights",
]
