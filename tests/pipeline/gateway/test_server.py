"""What strangers can do to the door below HTTP: nothing that lasts. Over real sockets, byte by byte."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fakes_door import FakeAsker, Names, answered

from pipeline.errors import PortInUse, SetupError
from pipeline.gateway import Limits, build_door
from pipeline.gateway.cors import add_cors, origins_of
from pipeline.gateway.server import DoorRunner, listening
from pipeline.gateway.tls import Tls

PATH = "/v1/chat/completions"
ASK = orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": "2 + 2?"}]})
WHOLE = (
    f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(ASK)}\r\n\r\n".encode()
    + ASK
)

Opener = Callable[..., Awaitable[DoorRunner]]


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    """Opens doors, and closes them."""
    runners: list[DoorRunner] = []

    async def open_door(asker: FakeAsker | None = None, *, origins: tuple[str, ...] = (), **options: Any) -> DoorRunner:
        limits = options.pop("limits", Limits())
        app = build_door(lambda _tenant: asker or FakeAsker(), Names(), limits=limits)
        add_cors(app, origins)
        grace = options.pop("grace_s", 0.5)
        runners.append(await listening(app, "127.0.0.1", options.pop("port", 0), limits, grace, **options))
        return runners[-1]

    yield open_door
    for runner in runners:
        await runner.cleanup()


def port_of(runner: DoorRunner) -> int:
    return int(runner.addresses[0][1])


async def connected(runner: DoorRunner) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port_of(runner))


async def said(runner: DoorRunner, text: bytes) -> bytes:
    """Send this, and read until the door closes."""
    reader, writer = await connected(runner)
    with suppress(ConnectionError):
        writer.write(text)
        await writer.drain()
    answer = b""
    with suppress(ConnectionError):
        answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


# ---------------------------------------------------------------- slow and large


async def drip(writer: asyncio.StreamWriter, text: bytes, pause_s: float) -> None:
    with suppress(ConnectionError):
        for byte in text:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause_s)


async def test_a_head_that_comes_byte_by_byte_is_cut_off_however_steadily_it_comes(opened: Opener) -> None:
    runner = await opened(limits=Limits(head_s=0.3))
    reader, writer = await connected(runner)
    dripping = asyncio.ensure_future(drip(writer, b"GET /livez HTTP/1.1\r\n" + b"X: y\r\n" * 1000, 0.02))
    answer = await asyncio.wait_for(reader.read(), 5)
    dripping.cancel()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"request_timeout"' in answer
    assert not runner.server._connections
    writer.close()


async def test_the_second_request_of_a_connection_may_not_drip_either(opened: Opener) -> None:
    runner = await opened(limits=Limits(head_s=0.3))
    reader, writer = await connected(runner)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
    writer.write(b"GET /liv")
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_a_head_that_comes_slowly_but_in_time_is_served_and_its_clock_stops(opened: Opener) -> None:
    asker = FakeAsker(hold=True)
    runner = await opened(asker, limits=Limits(head_s=0.4))
    reader, writer = await connected(runner)
    writer.write(WHOLE[:20])
    await asyncio.sleep(0.1)
    writer.write(WHOLE[20:])
    await asyncio.wait_for(asker.started.wait(), 5)
    await asyncio.sleep(0.5)
    asker.released.set()
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"X-Long: " + b"x" * 9000 + b"\r\n",
        b"".join(b"X-%d: y\r\n" % number for number in range(80)),
        b"X" * 9000 + b": y\r\n",
    ],
)
async def test_a_head_that_is_too_large_is_431_in_the_shape_of_errors(opened: Opener, head: bytes) -> None:
    answer = await said(await opened(), b"GET /livez HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
    assert status_of(answer) == 431
    assert b'"headers_too_large"' in answer
    assert b"xxxx" not in answer


@pytest.mark.parametrize("size", [100_000, 900_000])
async def test_a_large_body_in_one_piece_with_its_head_is_no_head(opened: Opener, size: int) -> None:
    """The pieces of a body may come before the task that answers has begun."""
    body = orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": "x" * size}]})
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    asker = FakeAsker()
    runner = await opened(asker)
    for _ in range(4):
        reader, writer = await connected(runner)
        writer.write(f"{head}\r\n".encode() + body)
        assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 200")
        writer.close()
    assert len(asker.asked) == 4


async def test_the_rest_of_a_body_that_was_refused_is_no_head_of_another_request(opened: Opener) -> None:
    """One answer for one request."""
    text = WHOLE.replace(b"application/json", b"text/plain;     x").replace(
        f"Content-Length: {len(ASK)}".encode(), b"Content-Length: 300000"
    )
    answer = await said(await opened(limits=Limits(idle_s=1, body_s=1)), text + b"x" * (300_000 - len(ASK)))
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_a_head_without_end_is_431_before_it_is_large(opened: Opener) -> None:
    limits = Limits(head_bytes=4000)
    answer = await said(await opened(limits=limits), b"GET /livez HTTP/1.1\r\n" + b"X: yyyyyyyyyyyy\r\n" * 500)
    assert status_of(answer) == 431


async def test_more_connections_than_the_door_takes_are_told_to_come_again(opened: Opener) -> None:
    runner = await opened(limits=Limits(connections=2))
    held = [await connected(runner) for _ in range(2)]
    await asyncio.sleep(0.05)
    answer = await said(runner, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in answer
    held[0][1].close()
    await asyncio.sleep(0.05)
    assert (await said(runner, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).startswith(
        b"HTTP/1.1 200"
    )
    held[1][1].close()


async def _crowded_and_dripped_on() -> list[int]:
    app = build_door(lambda _tenant: FakeAsker(), Names())
    limits = Limits(connections=1, head_s=0.2)
    runner = await listening(app, "127.0.0.1", 0, limits, 0.5)
    reader, writer = await connected(runner)
    writer.write(b"GET /livez")
    await asyncio.sleep(0.05)
    crowded = await said(runner, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    dripped = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    long = await said(runner, b"GET /livez HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n")
    await runner.cleanup()
    return [status_of(answer) for answer in (crowded, dripped, long)]


def test_it_is_the_same_on_the_loop_that_the_door_runs_on() -> None:
    uvloop = pytest.importorskip("uvloop")
    assert uvloop.run(_crowded_and_dripped_on()) == [503, 408, 431]


# ---------------------------------------------------------------- odd HTTP


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"secret secret secret\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /livez HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /livez HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"GET /livez HTTP/1.1\r\nHost: x\r\n X: folded\r\n\r\n\x00",
    ],
)
async def test_what_is_no_http_is_400_and_closed_and_not_repeated(opened: Opener, text: bytes) -> None:
    answer = await said(await opened(), text)
    assert status_of(answer) == 400
    assert b"secret" not in answer
    assert b'"invalid_request"' in answer


@pytest.mark.parametrize(
    "body", [b"zz\r\n{}\r\n0\r\n\r\n", b"5\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n", b"fffffffffffffffff\r\n{}"]
)
async def test_a_body_in_bad_chunks_is_refused_and_never_asked(opened: Opener, body: bytes) -> None:
    asker = FakeAsker()
    runner = await opened(asker, limits=Limits(body_s=0.5))
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await said(runner, head.encode() + body)
    assert status_of(answer) in (400, 408)
    assert not asker.asked


async def test_requests_in_a_row_without_waiting_are_answered_in_their_order(opened: Opener) -> None:
    asker = FakeAsker(lambda request: answered(request, str(len(asker.asked))))
    runner = await opened(asker)
    reader, writer = await connected(runner)
    writer.write(WHOLE * 20)
    found = []
    for _ in range(20):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        found.append(orjson.loads(await reader.readexactly(length))["choices"][0]["message"]["content"])
    assert found == [str(number) for number in range(1, 21)]
    writer.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_of_http_1_0_is_answered_and_its_connection_closed(opened: Opener, stream: bool) -> None:
    runner = await opened(FakeAsker(lambda request: answered(request, "one two"), pieces=["one", " two"] * stream))
    body = orjson.dumps({**orjson.loads(ASK), "stream": stream})
    head = f"POST {PATH} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    answer = await said(runner, head.encode() + body)
    assert answer.startswith(b"HTTP/1.0 200")
    assert b"chunked" not in answer.lower()
    assert answer.endswith(b"data: [DONE]\n\n" if stream else b"}")


async def test_who_waits_to_be_told_to_go_on_is_told(opened: Opener) -> None:
    reader, writer = await connected(await opened())
    head, body = WHOLE.split(b"\r\n\r\n", 1)
    writer.write(head + b"\r\nExpect: 100-continue\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    writer.write(body)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_what_a_proxy_says_of_the_caller_is_not_believed(opened: Opener) -> None:
    seen: list[tuple[str | None, str, str]] = []
    app = build_door(lambda _tenant: FakeAsker(), Names())

    async def look(request: aiohttp.web.Request, _response: aiohttp.web.StreamResponse) -> None:
        seen.append((request.remote, request.scheme, request.host))

    app.on_response_prepare.append(look)
    runner = await listening(app, "127.0.0.1", 0, Limits(), 0.5)
    forwarded = (
        b"X-Forwarded-For: 8.8.8.8\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: y\r\nForwarded: for=8.8.8.8\r\n"
    )
    await said(runner, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + forwarded + b"\r\n")
    await runner.cleanup()
    assert seen == [("127.0.0.1", "http", "x")]


# ---------------------------------------------------------------- the end


async def test_a_door_that_closes_lets_what_runs_end_and_takes_nobody_new(opened: Opener) -> None:
    asker = FakeAsker(hold=True)
    runner = await opened(asker, grace_s=5.0)
    port = port_of(runner)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        asking = asyncio.ensure_future(session.post(PATH, json=orjson.loads(ASK)))
        await asyncio.wait_for(asker.started.wait(), 5)
        closing = asyncio.ensure_future(runner.cleanup())
        await asyncio.sleep(0.1)
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)
        asker.released.set()
        response = await asyncio.wait_for(asking, 5)
        assert response.status == 200
        assert response.headers["connection"] == "close"
        assert (await response.json())["choices"]
        await asyncio.wait_for(closing, 5)


async def test_a_stream_that_runs_while_the_door_closes_comes_to_its_end(opened: Opener) -> None:
    asker = FakeAsker(lambda request: answered(request, "one"), pieces=["one"], hold=True)
    runner = await opened(asker, grace_s=5.0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port_of(runner)}") as session:
        response = await session.post(PATH, json={**orjson.loads(ASK), "stream": True})
        await response.content.readuntil(b"\n\n")
        await asyncio.wait_for(asker.started.wait(), 5)
        closing = asyncio.ensure_future(runner.cleanup())
        await asyncio.sleep(0.1)
        asker.released.set()
        assert (await asyncio.wait_for(response.read(), 5)).endswith(b"data: [DONE]\n\n")
        await asyncio.wait_for(closing, 5)


async def test_what_does_not_end_within_the_grace_is_taken_back(opened: Opener) -> None:
    asker = FakeAsker(hold=True)
    runner = await opened(asker, grace_s=0.2)
    _, writer = await connected(runner)
    writer.write(WHOLE)
    await asyncio.wait_for(asker.started.wait(), 5)
    await asyncio.wait_for(runner.cleanup(), 5)
    assert asker.taken_back.is_set()
    writer.close()


async def test_before_it_takes_nobody_new_a_closing_door_says_that_it_is_not_ready(opened: Opener) -> None:
    runner = await opened(notice_s=0.5)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port_of(runner)}") as session:
        assert (await session.get("/readyz")).status == 200
        closing = asyncio.ensure_future(runner.cleanup())
        await asyncio.sleep(0.1)
        response = await session.get("/readyz")
        assert (response.status, (await response.json())["code"]) == (503, "draining")
        assert (await session.post(PATH, json=orjson.loads(ASK))).status == 200
        await asyncio.wait_for(closing, 5)


async def test_a_port_that_is_taken_is_said_unless_it_is_shared(opened: Opener) -> None:
    first = await opened(shared=True)
    await opened(port=port_of(first), shared=True)
    with pytest.raises(PortInUse):
        await opened(port=port_of(first))


# ---------------------------------------------------------------- TLS


def certificate(folder: Path, number: int) -> None:
    """A certificate of this machine, over the one that is there."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))


def client_context(maximum: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if maximum is not None:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = maximum
    return context


async def secured(
    runner: DoorRunner, context: ssl.SSLContext
) -> tuple[int, asyncio.StreamReader, asyncio.StreamWriter]:
    """The serial number of the certificate, and the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(runner), ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(der).serial_number, reader, writer


async def test_a_new_certificate_is_used_for_new_connections_and_the_others_stay(
    opened: Opener, tmp_path: Path
) -> None:
    certificate(tmp_path, 1)
    runner = await opened(tls=Tls(tmp_path / "cert.pem", tmp_path / "key.pem", look_s=0.02))
    number, reader, writer = await secured(runner, client_context())
    assert number == 1
    (tmp_path / "cert.pem").write_bytes(b"half of a certificate")
    await asyncio.sleep(0.1)
    assert (await secured(runner, client_context()))[0] == 1
    certificate(tmp_path, 2)
    async with asyncio.timeout(5):
        while (await secured(runner, client_context()))[0] != 2:
            await asyncio.sleep(0.02)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_an_old_version_of_tls_is_refused(opened: Opener, tmp_path: Path) -> None:
    certificate(tmp_path, 1)
    runner = await opened(tls=Tls(tmp_path / "cert.pem", tmp_path / "key.pem"))
    assert (await secured(runner, client_context(ssl.TLSVersion.TLSv1_2)))[0] == 1
    with pytest.raises((ssl.SSLError, ConnectionError)), pytest.warns(DeprecationWarning, match="TLSv1_1"):
        await secured(runner, client_context(ssl.TLSVersion.TLSv1_1))


def test_a_certificate_that_cannot_be_used_is_said_before_the_door_opens(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be used"):
        Tls(tmp_path / "cert.pem", tmp_path / "key.pem")
    certificate(tmp_path, 1)
    key = ec.generate_private_key(ec.SECP256R1())
    locked = serialization.BestAvailableEncryption(b"x")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    (tmp_path / "key.pem").write_bytes(pem)
    with pytest.raises(SetupError, match="passphrase"):
        Tls(tmp_path / "cert.pem", tmp_path / "key.pem")


# ---------------------------------------------------------------- pages of other origins

PAGE = "https://app.example.org"


async def test_by_default_no_page_may_call(opened: Opener) -> None:
    runner = await opened()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port_of(runner)}") as session:
        asked = {"origin": PAGE, "access-control-request-method": "POST"}
        response = await session.options(PATH, headers=asked)
        assert response.status == 405
        assert not [name for name in response.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("stream", [False, True])
async def test_pages_that_are_named_may_call_and_no_others(opened: Opener, stream: bool) -> None:
    runner = await opened(FakeAsker(pieces=["one"]), origins=(PAGE,))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port_of(runner)}") as session:
        asked = {
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type",
        }
        response = await session.options(PATH, headers={"origin": PAGE, **asked})
        assert response.status == 204
        assert response.headers["access-control-allow-origin"] == PAGE
        assert response.headers["access-control-allow-headers"] == "authorization,content-type"
        body = {**orjson.loads(ASK), "stream": stream}
        response = await session.post(PATH, json=body, headers={"origin": PAGE})
        assert response.headers["access-control-allow-origin"] == PAGE
        assert "origin" in response.headers["vary"].lower()
        assert "access-control-allow-credentials" not in response.headers
        for other in ("https://evil.example.org", f"{PAGE}.evil.org", "null", PAGE.upper()):
            assert (await session.options(PATH, headers={"origin": other, **asked})).status == 405
            response = await session.post(PATH, json=body, headers={"origin": other})
            assert "access-control-allow-origin" not in response.headers


def test_what_is_no_origin_is_said() -> None:
    assert origins_of(["https://a.org", "https://a.org", "*"]) == ("https://a.org", "*")
    for wrong in ("a.org", "https://a.org/", "https://a.org/x", "ftp://a.org", ""):
        with pytest.raises(SetupError):
            origins_of([wrong])


# ---------------------------------------------------------------- large bodies


def large(size: int, headers: str = "") -> bytes:
    body = orjson.dumps({**orjson.loads(ASK), "user": "x", "metadata": {"k": "v" * 500}}).ljust(size)
    length = headers or f"Content-Length: {len(body)}\r\n"
    return f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{length}\r\n".encode() + body


@pytest.mark.parametrize("header", ["Content-Length: 150000\r\n", "Transfer-Encoding: chunked\r\n"])
async def test_large_bodies_that_do_not_fit_beside_each_other_are_told_to_come_again(
    opened: Opener, header: str
) -> None:
    asker = FakeAsker(hold=True)
    runner = await opened(asker, limits=Limits(body_bytes=200_000, bodies_bytes=250_000))
    reader, writer = await connected(runner)
    writer.write(large(150_000))
    await asyncio.wait_for(asker.started.wait(), 5)
    second, other = await connected(runner)
    other.write(large(10, header).split(b"\r\n\r\n")[0] + b"\r\n\r\n")
    assert (await asyncio.wait_for(second.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 503 ")
    third, small = await connected(runner)
    small.write(WHOLE)
    asker.released.set()
    for read in (reader, third):
        assert (await asyncio.wait_for(read.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 200 ")
    for closing in (writer, other, small):
        closing.close()
    fourth, again = await connected(runner)
    again.write(large(150_000))
    assert (await asyncio.wait_for(fourth.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 200 ")
    again.close()


async def test_a_body_whose_encoding_is_wrong_is_refused_and_the_connection_closed(opened: Opener) -> None:
    runner = await opened()
    head = "Host: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n"
    answer = await said(runner, f"POST {PATH} HTTP/1.1\r\n{head}".encode() + b"abc")
    assert status_of(answer) == 400
    assert b"connection: close" in answer.lower()
    assert b"content-encoding" in answer.partition(b"\r\n\r\n")[2]
