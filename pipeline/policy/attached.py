"""Files beside the policies: prompts, schemas of answers, tokenizers, calibrators, guards, the learned difficulty.

They belong to the revision: their bytes count for its digest, and they are refused with it or in force with it.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson
from jsonschema import Draft202012Validator, SchemaError
from jsonschema.validators import validator_for

from pipeline.contracts import JsonObject
from pipeline.policy.calibration import BrokenFile, Calibrator, Gate, read_calibrator
from pipeline.policy.files import Files, Unreadable
from pipeline.policy.guards import BrokenGuard, Guard, encoder_of, read_guard, unfit
from pipeline.policy.models import Route
from pipeline.policy.problems import Path, Problem
from pipeline.policy.resolve import Located, PolicySet
from pipeline.policy.text import MAX_BYTES

__all__ = ["LARGEST", "attach", "references"]

LARGEST: Final = {
    "system_file": MAX_BYTES,
    "response_schema_file": 65_536,
    "tokenizer": 64 * 2**20,
    "difficulty_file": 32 * 2**20,
    "calibrator_file": 4 * 2**20,
    "guard_file": 2**20,
}
"""Bytes that a file may have, by the key that names it."""
_DEEPEST: Final = 64
_NO_TEXT: Final = "is not UTF-8 text; save it as UTF-8"


class Reference(NamedTuple):
    """A place that names a file: the part it stands in, the key, the path, and the mappings the key is inside of."""

    part: Located[object]
    key: str
    path: str
    inside: Path = ()

    def problem(self, text: str) -> Problem:
        """What is wrong with the file, told where it is named."""
        return self.part.problem(f"{self.path} {text}", *self.inside, self.key)


def references(joined: PolicySet) -> Iterator[Reference]:
    """Every place that names a file."""
    for variant in joined.variants.values():
        if variant.spec.system_file is not None:
            yield Reference(variant, "system_file", variant.spec.system_file)
    for target in joined.targets.values():
        if target.spec.tokenizer is not None:
            yield Reference(target, "tokenizer", target.spec.tokenizer)
    for route in joined.routes:
        yield from _of_route(route)
    for file in joined.route_files:
        if file.spec.difficulty_file is not None:
            yield Reference(file, "difficulty_file", file.spec.difficulty_file)


def _of_route(route: Located[Route]) -> Iterator[Reference]:
    spec = route.spec
    if spec.response_schema_file is not None:
        yield Reference(route, "response_schema_file", spec.response_schema_file)
    if spec.accept.calibrator_file is not None:
        yield Reference(route, "calibrator_file", spec.accept.calibrator_file, ("accept",))
    if spec.cache.semantic is not None and spec.cache.semantic.guard_file is not None:
        yield Reference(route, "guard_file", spec.cache.semantic.guard_file, ("cache", "semantic"))


def attach(joined: PolicySet, files: Files) -> None:
    """Read every file that is named, once, and look whether it is what it should be."""
    for reference in references(joined):
        try:
            body = joined.attached.get(reference.path)
            if body is None or len(body) > LARGEST[reference.key]:
                body = files.attached(reference.path, LARGEST[reference.key])
            joined.attached[reference.path] = body
            _take(joined, reference, body)
        except Unreadable as error:
            joined.problems.append(reference.problem(str(error)))
    joined.problems.extend(_unkept(joined))
    joined.problems.extend(_unfit(joined))


def _take(joined: PolicySet, reference: Reference, body: bytes) -> None:
    name = str(reference.part.path[-1]) if reference.part.path else ""
    if reference.key == "system_file":
        joined.prompts[name] = _prompt(body)
    elif reference.key == "response_schema_file":
        joined.schemas[reference.path] = _schema(body)
    elif reference.key == "calibrator_file":
        joined.calibrators[reference.path] = _calibrator(reference.path, body)
    elif reference.key == "guard_file":
        joined.guards[reference.path] = _guard(reference.path, body)
    elif reference.key == "tokenizer" and not isinstance(_json(body), dict):
        raise Unreadable("is no tokenizer: it must be a JSON object, as tokenizer.json is")
    elif reference.key == "difficulty_file":
        _learned(body)


def _prompt(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable(_NO_TEXT) from None
    if not text.strip():
        raise Unreadable("is empty; leave system_file out where there is no prompt")
    return text.removesuffix("\n")


def _schema(body: bytes) -> JsonObject:
    schema = _json(body)
    if not isinstance(schema, dict):
        raise Unreadable("is no JSON Schema: it must be a JSON object")
    if _depth(schema) > _DEEPEST:
        raise Unreadable(f"is nested deeper than {_DEEPEST} levels")
    unknown: Any = None
    kind = validator_for(schema, default=unknown) if "$schema" in schema else Draft202012Validator
    if kind is unknown:
        raise Unreadable("names a dialect ($schema) that is not known here")
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        place = "/".join(str(step) for step in error.absolute_path)
        raise Unreadable(f"is no JSON Schema, see {place or 'its root'}") from None
    if outside := next(_outside(schema), None):
        raise Unreadable(f"refers to {outside}, outside of itself; put that into it under $defs")
    return schema


def _learned(body: bytes) -> None:
    # It needs numpy, which most policies, and most commands, can do without.
    from pipeline.signals.difficulty import InvalidModel, read_model

    try:
        read_model(body)
    except InvalidModel as error:
        raise Unreadable(f"holds no learned score: {error}") from None


def _calibrator(path: str, body: bytes) -> Calibrator:
    try:
        return read_calibrator(path, body)
    except BrokenFile as error:
        raise Unreadable(f"is no calibrator: {error}") from None


def _guard(path: str, body: bytes) -> Guard:
    try:
        return read_guard(path, body)
    except BrokenGuard as error:
        raise Unreadable(f"is no guard: {error}") from None


def _unfit(joined: PolicySet) -> Iterator[Problem]:
    """Guards that were fitted to other candidates than those of their route."""
    for route in joined.routes:
        semantic = route.spec.cache.semantic
        guard = joined.guards.get(semantic.guard_file or "") if semantic is not None else None
        variants = {name: part.spec for name, part in joined.variants.items()}
        encoder = encoder_of(semantic, variants, joined.filled) if semantic is not None else ""
        why = unfit(guard, semantic, encoder) if guard is not None and semantic is not None else None
        if why is not None and semantic is not None:
            said = f"{semantic.guard_file} {why} (stepwell cache train)"
            yield route.problem(said, "cache", "semantic", "guard_file")


def _unkept(joined: PolicySet) -> Iterator[Problem]:
    """Routes that ask for a promise where nothing makes one."""
    for route in joined.routes:
        accept = route.spec.accept
        if accept.confidence != "promised":
            continue
        if accept.calibrator_file is None:
            said = (
                "nothing promises a threshold: name a calibrator_file (stepwell calibrate makes it), or give a number"
            )
            yield route.problem(said, "accept", "confidence")
            continue
        found = joined.calibrators.get(accept.calibrator_file)
        if found is not None and not isinstance(found.file, Gate):
            said = f"{accept.calibrator_file} is a single curve and promises nothing: stepwell calibrate makes a gate"
            yield route.problem(said, "accept", "calibrator_file")


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            raise Unreadable(_NO_TEXT) from None
        raise Unreadable(f"is no JSON (line {error.lineno}, column {error.colno})") from None


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _outside(value: object) -> Iterator[str]:
    """References to other documents."""
    if isinstance(value, dict):
        found = value.get("$ref")
        if isinstance(found, str) and "://" in found.partition("#")[0]:
            yield found
        for child in value.values():
            yield from _outside(child)
    elif isinstance(value, list):
        for child in value:
            yield from _outside(child)
