"""Who comes in with a token of an identity provider, and whom nobody believes."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.adapters.clock import SystemClock
from pipeline.errors import InvalidApiKey, PermissionDenied, PolicyInvalid, StepwellError, TransportUnavailable
from pipeline.gateway.access.jwks import Jwks
from pipeline.gateway.access.tokens import TokenAccess
from pipeline.gateway.access.trust import Trust, read_trust

ISSUER = "https://login.example.org"
SIGNERS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
STRANGER = rsa.generate_private_key(65537, 2048)


def jwk_of(key: Any, kid: str, algorithm: str) -> dict[str, Any]:
    made: dict[str, Any] = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)  # type: ignore[assignment]
    return {**made, "kid": kid, "use": "sig", "alg": algorithm}


KEYS = {"keys": [jwk_of(key, algorithm, algorithm) for algorithm, key in SIGNERS.items()]}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"iss": ISSUER, "aud": "stepwell", "sub": "u-1", "exp": now + 300, "nbf": now - 5, "org": "acme"} | changes
    return {name: value for name, value in said.items() if value is not None}


def signed(algorithm: str = "RS256", key: Any = None, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    header = {"kid": algorithm} if headers is None else headers
    return jwt.encode(claims(**changes), key or SIGNERS[algorithm], algorithm=algorithm, headers=header)


def by_hand(header: dict[str, Any], body: dict[str, Any], signature: bytes = b"x") -> str:
    parts = (json.dumps(header).encode(), json.dumps(body).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys.json").write_text(json.dumps(KEYS))
    return tmp_path


def access_of(folder: Path, **changes: Any) -> TokenAccess:
    issuer = {
        "issuer": ISSUER,
        "audience": ["stepwell"],
        "jwks": "keys.json",
        "algorithms": ["RS256", "ES256", "EdDSA"],
        "tenant_claim": "org",
    } | changes
    issuer = {name: value for name, value in issuer.items() if value is not None}
    document = {"apiVersion": "stepwell/v1", "kind": "Access", "leeway_s": 10, "issuers": [issuer]}
    return TokenAccess(Trust.model_validate_json(json.dumps(document)), folder, SystemClock())


async def refused(access: TokenAccess, token: str, scope: Any = "chat") -> StepwellError:
    with pytest.raises(StepwellError) as caught:
        await access.admit({"authorization": f"Bearer {token}"}, scope)
    assert token[40:] == "" or token[40:] not in caught.value.message
    return caught.value


async def admitted(access: TokenAccess, token: str, **headers: str) -> Any:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return await access.admit({"authorization": f"Bearer {token}", **more}, "chat")


# ---------------------------------------------------------------- who comes in


@pytest.mark.parametrize("algorithm", SIGNERS)
async def test_a_token_of_the_issuer_lets_its_tenant_in(folder: Path, algorithm: str) -> None:
    access = access_of(folder)
    caller = await admitted(access, signed(algorithm))
    assert (caller.tenant, caller.routes) == ("acme", None)
    assert caller.key_id.startswith("t-")
    assert caller is await admitted(access, signed(algorithm)) or algorithm == "ES256"


async def test_the_same_person_has_one_id_and_another_person_another(folder: Path) -> None:
    access = access_of(folder)
    one, again, other, nobody = [
        await admitted(access, signed(sub=sub, jti=jti))
        for sub, jti in (("a", "1"), ("a", "2"), ("b", "3"), (None, "4"))
    ]
    assert one.key_id == again.key_id != other.key_id
    assert nobody.key_id is None


async def test_claims_say_what_is_open_and_the_file_what_is_open_at_most(folder: Path) -> None:
    access = access_of(
        folder,
        scopes=["chat", "models"],
        scope_claim="scope",
        scope_prefix="sw:",
        routes=["support", "labels"],
        route_claim="routes",
        lanes=["interactive"],
    )
    caller = await admitted(access, signed(scope="openid sw:chat sw:files chat", routes=["support", "secret", 7]))
    assert (caller.scopes, caller.routes, caller.lanes) == ({"chat"}, {"support"}, {"interactive"})
    assert isinstance(await refused(access, signed(scope="openid", jti="2")), PermissionDenied)
    nothing = await admitted(access, signed(scope="sw:chat"))
    assert nothing.routes == frozenset()


async def test_values_of_a_claim_may_stand_for_tenants_and_no_other_value_does(folder: Path) -> None:
    access = access_of(folder, tenants={"org-7": "acme"})
    assert (await admitted(access, signed(org="org-7"))).tenant == "acme"
    for org in ("acme", None, ["org-7"], {"x": 1}, 7):
        assert isinstance(await refused(access, signed(org=org)), PermissionDenied)


async def test_a_token_without_the_name_of_a_tenant_is_of_none(folder: Path) -> None:
    access = access_of(folder)
    for org in (None, "", "a.b", "a b", "*", ["acme"], "x" * 65):
        assert isinstance(await refused(access, signed(org=org)), PermissionDenied)


async def test_a_header_names_no_other_tenant(folder: Path) -> None:
    access = access_of(folder)
    assert (await admitted(access, signed(), x_stepwell_tenant="acme")).tenant == "acme"
    with pytest.raises(PermissionDenied):
        await admitted(access, signed(), x_stepwell_tenant="globex")


# ---------------------------------------------------------------- whom nobody believes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"aud": "other"}, "audience"),
        ({"aud": None}, "audience|lacks a claim"),
        ({"iss": "https://evil.example.org"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"exp": -60}, "expired"),
        ({"exp": None}, "lacks a claim"),
        ({"exp": "soon"}, "neither"),
        ({"nbf": 600}, "not valid yet"),
    ],
)
async def test_a_token_with_wrong_claims_is_refused_and_said_why(
    folder: Path, changes: dict[str, Any], said: str
) -> None:
    """Whole numbers are seconds from now, not from when the tests were collected."""
    now = int(time.time())
    changes = {name: now + value if isinstance(value, int) else value for name, value in changes.items()}
    error = await refused(access_of(folder), signed(**changes))
    assert isinstance(error, InvalidApiKey)
    assert any(words in error.message for words in said.split("|"))


async def test_clocks_may_be_apart_by_the_leeway_and_no_more(folder: Path) -> None:
    access = access_of(folder)
    assert await admitted(access, signed(exp=int(time.time()) - 3))
    assert isinstance(await refused(access, signed(exp=int(time.time()) - 20)), InvalidApiKey)


def hostile() -> dict[str, str]:
    public = (
        SIGNERS["RS256"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    import hashlib
    import hmac

    def as_secret(header: dict[str, Any]) -> str:
        unsigned = by_hand(header, claims()).rsplit(".", 1)[0]
        return (
            unsigned
            + "."
            + base64.urlsafe_b64encode(hmac.digest(public, unsigned.encode(), hashlib.sha256)).rstrip(b"=").decode()
        )

    good = signed()
    head, body, signature = good.split(".")
    other_body = by_hand({}, claims(org="globex")).split(".")[1]
    deep = base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=")
    return {
        "no algorithm": by_hand({"alg": "none", "typ": "JWT"}, claims(), b""),
        "no algorithm, in other letters": by_hand({"alg": "nOnE", "kid": "RS256"}, claims(), b""),
        "the public key as a secret": as_secret({"alg": "HS256", "kid": "RS256"}),
        "the public key as a secret, and said to be RS256": as_secret({"alg": "RS256", "kid": "RS256"}),
        "another signer": signed(key=STRANGER),
        "a signature of another token": f"{head}.{body}.{signed(jti='9').split('.')[2]}",
        "no signature": f"{head}.{body}.",
        "other claims under the same signature": f"{head}.{other_body}.{signature}",
        "a key of another kind": by_hand({"alg": "ES256", "kid": "RS256"}, claims()),
        "a key that leads out": signed(headers={"kid": "../../../../dev/null"}),
        "a key with an address": signed(
            key=STRANGER, headers={"kid": "RS256", "jku": "http://127.0.0.1:1/keys", "x5u": "file:///etc/passwd"}
        ),
        "a key that comes along": signed(key=STRANGER, headers={"jwk": jwk_of(STRANGER, "x", "RS256")}),
        "a key that is a list": by_hand({"alg": "RS256", "kid": ["RS256"]}, claims()),
        "a huge name of a key": by_hand({"alg": "RS256", "kid": "k" * 5000}, claims()),
        "what must be understood and is not": signed(headers={"kid": "RS256", "crit": ["exp2"], "exp2": 1}),
        "an issuer that is a list": by_hand({"alg": "RS256", "kid": "RS256"}, claims(iss=[ISSUER])),
        "an algorithm that is a list": by_hand({"alg": ["RS256"]}, claims()),
        "no algorithm named": by_hand({"kid": "RS256"}, claims()),
        "huge": good + "A" * 20_000,
        "deep": f"{deep}.{deep}.x",
        "numbers without end": by_hand({"alg": "RS256"}, claims()).replace("A", "-"),
        "two dots": "..",
        "four dots": "a.b.c.d.e",
        "encrypted": by_hand({"alg": "RSA-OAEP", "enc": "A256GCM"}, claims()) + ".x.y",
        "bytes that are no text": "\udcff.\udcff.\udcff",
    }


HOSTILE = hostile()


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_token_is_refused(folder: Path, name: str) -> None:
    access = access_of(folder)
    assert isinstance(await refused(access, HOSTILE[name]), InvalidApiKey)
    assert not access._known


async def test_a_signature_that_this_issuer_may_not_use_is_refused_also_with_its_own_key(folder: Path) -> None:
    assert isinstance(await refused(access_of(folder, algorithms=["ES256"]), signed()), InvalidApiKey)


@settings(max_examples=40)
@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda body: base64.urlsafe_b64encode(body).decode()))
def test_whatever_is_sent_is_refused_with_an_error_of_ours(text: str) -> None:
    access = access_of(Path("/nowhere"))
    with pytest.raises(StepwellError):
        asyncio.run(access.verify(f"{text}.{text}.{text}"))


async def test_a_token_that_was_good_is_remembered_and_not_beyond_its_end(folder: Path) -> None:
    access = access_of(folder)
    token = signed(exp=int(time.time()) + 30)
    await admitted(access, token)
    [known] = access._known.values()
    assert known.until <= time.time() + 30
    for number in range(3):
        await admitted(access, signed(jti=str(number)))
    assert len(access._known) == 4


# ---------------------------------------------------------------- where keys come from


class Time:
    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return self.at


Server = Callable[..., Awaitable[str]]


class Provider:
    """An address with keys that counts who asks."""

    def __init__(self) -> None:
        self.body = json.dumps(KEYS).encode()
        self.status = 200
        self.asked = 0

    async def serve(self, request: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(body=self.body, status=self.status, headers={"location": "/elsewhere"})


async def _good_keys(_request: web.Request) -> web.Response:
    return web.json_response(KEYS)


@pytest.fixture
async def provider() -> AsyncIterator[tuple[Provider, str]]:
    found = Provider()
    app = web.Application()
    app.router.add_get("/keys", found.serve)
    app.router.add_get("/elsewhere", _good_keys)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield found, f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    await runner.cleanup()


def fetching(address: str) -> tuple[Jwks, Time]:
    access = access_of(Path(), jwks=address)
    clock = Time()
    return Jwks(access._issuers[ISSUER], Path(), clock), clock


async def test_keys_are_fetched_once_for_all_and_again_for_one_that_is_not_known(
    provider: tuple[Provider, str],
) -> None:
    served, address = provider
    keys, clock = fetching(address)
    await asyncio.gather(*(keys.key("RS256", "RS256") for _ in range(20)))
    assert served.asked == 1
    for _ in range(5):
        with pytest.raises(InvalidApiKey):
            await keys.key("newer", "RS256")
    assert served.asked == 1  # a stranger cannot make the door ask for each request
    served.body = json.dumps({"keys": [jwk_of(STRANGER, "newer", "RS256")]}).encode()
    clock.at += 31
    assert await keys.key("newer", "RS256")
    assert served.asked == 2
    with pytest.raises(InvalidApiKey):
        await keys.key("RS256", "RS256")  # it was taken out


async def test_while_the_provider_is_away_known_keys_stay_for_a_day(provider: tuple[Provider, str]) -> None:
    served, address = provider
    keys, clock = fetching(address)
    await keys.key("RS256", "RS256")
    served.status = 500
    clock.at += 3600
    assert await keys.key("RS256", "RS256")
    clock.at += 86_400
    with pytest.raises(TransportUnavailable):
        await keys.key("RS256", "RS256")


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b""), (302, b""), (200, b"[]"), (200, b"{"), (200, b'{"keys":' + b" " * 300_000 + b"[]}")],
)
async def test_what_is_no_set_of_keys_is_a_trouble_of_ours_and_not_the_callers(
    provider: tuple[Provider, str], status: int, body: bytes
) -> None:
    served, address = provider
    served.status, served.body = status, body
    keys, _ = fetching(address)
    with pytest.raises(TransportUnavailable):
        await keys.key("RS256", "RS256")


async def test_shared_secrets_weak_keys_and_private_ones_are_no_keys(tmp_path: Path) -> None:
    weak = rsa.generate_private_key(65537, 1024)
    private: dict[str, Any] = jwt.get_algorithm_by_name("RS256").to_jwk(STRANGER, as_dict=True)  # type: ignore[assignment]
    listed = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "s", "alg": "RS256"},
        jwk_of(weak, "w", "RS256"),
        {**private, "kid": "p"},
        {**jwk_of(STRANGER, "e", "RS256"), "use": "enc"},
        {"kty": "RSA", "kid": "n"},
        7,
        jwk_of(STRANGER, "good", "RS256"),
    ]
    (tmp_path / "keys.json").write_text(json.dumps({"keys": listed}))
    keys = Jwks(access_of(tmp_path)._issuers[ISSUER], tmp_path, SystemClock())
    assert await keys.key("good", "RS256")
    assert list(keys._keys) == [("good", "RS256")]


# ---------------------------------------------------------------- the file


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "access.yaml"
    path.write_text(text)
    return path


GOOD = """\
apiVersion: stepwell/v1
kind: Access
issuers:
  - issuer: https://login.example.org
    audience: [stepwell]
    jwks: https://login.example.org/keys
    tenant: acme
"""


def test_a_file_of_trust_is_read(tmp_path: Path) -> None:
    trust = read_trust(written(tmp_path, GOOD))
    assert trust.issuers[0].algorithms == ("RS256",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "audience: [stepwell]",
            "audiences: [stepwell]",
            ":5:5: issuers[0].audiences: no such key (did you mean audience?)",
        ),
        ("    tenant: acme\n", "", "give either tenant or tenant_claim"),
        ("jwks: https:", "jwks: http:", "over https alone"),
        ("jwks: https:", "jwks: ftp:", "an https address or the name of a file"),
        ("tenant: acme", "tenant: acme\n    algorithms: [HS256]", ":8:18: issuers[0].algorithms[0]: must be"),
        ("tenant: acme", "tenant: acme\n    algorithms: [none]", "issuers[0].algorithms[0]: must be"),
        ("audience: [stepwell]", "audience: []", "at least 1 entry"),
        ("kind: Access", "kind: Routes", "kind: Access"),
    ],
)
def test_what_is_wrong_in_it_is_told_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        read_trust(written(tmp_path, GOOD.replace(old, new)))
    assert said in caught.value.message


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid, match="cannot be read"):
        read_trust(tmp_path / "nothing.yaml")
