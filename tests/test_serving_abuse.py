# python -m pytest tests/test_serving_abuse.py
"""Bad, huge and hostile uploads: a clear 400 or a text, never a 500, in bounded memory."""

import base64
import io
import re
import socket
import struct
import tracemalloc
from contextlib import ExitStack
from pathlib import Path

import httpx2
import numpy as np
import pytest

from tests import bad_audio
from tests.examples import tone, wav
from tests.pipeline_repo import wait_for
from tests.serving import MODELS, running, served_folder
from tests.web_server import serving

pytestmark = pytest.mark.integration
CLIP = wav(tone(0.4))
LIMITS = {"max_duration_s": 10.0, "requests_per_minute": 1_000_000, "max_json_mb": 2.0}
CLASSES = ["truncated", "stub", "stranger", "no_number", "empty", "lying", "soundless", "endless"]
# What an answer must name: the cause, not a library's number.
CAUSES = re.compile(
    r"truncated|damaged|empty file|not audio but|no samples|no known|[cC]hannel|sample rate|Hz|"
    r"finite|at most 10 s|at least 0.1 s|states|missing|No 'data' chunk|audio frame|Invalid data|"
    r"End of file|header|no audio track|too few|unimplemented format|lost sync|malformed"
)


@pytest.fixture(scope="module")
def run(made_once, tmp_path_factory):
    folder = served_folder(made_once, tmp_path_factory, "tuned")
    with running(folder, models=MODELS, limits=LIMITS) as run:
        yield run


@pytest.fixture(scope="module")
def client(run):
    with httpx2.Client(base_url=run.url, timeout=60) as client:
        yield client


def send(client, audio, name="x.wav"):
    return client.post("/transcribe/file", files={"file": (name, audio)})


def fault(answer):
    """The message of a 400 that names a cause; "" for a text."""
    if answer.status_code == 200:
        return ""
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["param"], CAUSES.search(error["message"]) is not None) == ("file", True), error
    return error["message"]


@pytest.mark.parametrize("name", CLASSES)
def test_each_bad_file_is_a_cause_or_a_text(name, client):
    files = getattr(bad_audio, f"{name}_files")()
    assert len(files) >= 30
    found = [fault(send(client, audio, file)) for file, audio in files.items()]
    assert sum(map(bool, found)) >= (0 if name == "soundless" else len(files) // 2)
    if name == "endless":
        assert set(found) == {"file: expected at most 10 s of audio, got more"}


@pytest.mark.parametrize(
    ("seconds", "kind", "at_most"),
    [
        (1200, (8000, 1, "FLAC", "PCM_16"), 40_000),
        (60, (48_000, 1, "OGG", "OPUS"), 30_000),
        (60, (16_000, 1, "MP3", "MPEG_LAYER_III"), 70_000),
    ],
)  # fmt: skip
def test_silence_that_expands_enormously_is_refused_at_the_limit(seconds, kind, at_most, client):
    audio = bad_audio.silence(seconds, *kind)
    assert len(audio) < at_most
    tracemalloc.start()
    try:
        message = fault(send(client, audio))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert message == "file: expected at most 10 s of audio, got more"
    assert peak < 40_000_000  # 8 hours would take 1.8 GB


def test_a_wav_that_claims_4_gb_is_what_it_has(client):
    clip, claim = bad_audio.encode(tone(0.4)), struct.pack("<I", 2**32 - 1)
    found = send(client, clip[:4] + claim + clip[8:40] + claim + clip[44:])
    assert fault(found) == ""
    assert (found.status_code, found.json()["duration"]) == (200, 0.4)


def box(name, *content):
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), name) + body


def with_reference(movie, path):
    """An MP4 whose samples lie in another file: a Macintosh alias in place of "in this file"."""
    alias = bytes(10 + 1 + 27 + 12 + 1 + 63 + 16) + struct.pack(">HH", 0, 0) + bytes(16)
    name = path.encode()
    alias += struct.pack(">HH", 2, len(name)) + name + bytes(len(name) % 2) + b"\xff\xff\0\0"
    entry = box(b"alis", bytes(4), alias)
    place = movie.index(b"dref") - 4
    (size,) = struct.unpack_from(">I", movie, place)
    reference = box(b"dref", bytes(4), struct.pack(">I", 1), entry)
    found = bytearray(movie[:place] + reference + movie[place + size :])
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        at = movie.rindex(parent, 0, place) - 4
        (old,) = struct.unpack_from(">I", movie, at)
        struct.pack_into(">I", found, at, old + len(reference) - size)
    return bytes(found)


def hostile_containers(url, secret):
    """Files that name others, on this machine or in the network."""
    lists = {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}/a.ts\n#EXT-X-ENDLIST\n",
        "m3u8-file": f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{secret}'\nfile '{url}/b.wav'\n",
        "pls": f"[playlist]\nFile1={url}/c.mp3\nNumberOfEntries=1\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
        "dash": f'<?xml version="1.0"?><MPD><BaseURL>{url}/d</BaseURL></MPD>',
        "xspf": f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file://{secret}">]><a>&b;</a>',
        "url": f"{url}/e.wav",
        "file": f"file://{secret}",
        "protocol": f"concat:{secret}|{secret}",
        "subfile": f"subfile,,start,0,end,100,,:{secret}",
    }
    files = {name: text.encode() for name, text in lists.items()}
    # Each also behind the first bytes of a container that FFmpeg reads.
    heads = {"mov": box(b"ftyp", b"isom", bytes(4), b"isom"), "mkv": b"\x1a\x45\xdf\xa3\x80",
             "amr": b"#!AMR\n", "aac": b"\xff\xf1"}  # fmt: skip
    files |= {
        f"{head}-{name}": heads[head] + text for head in heads for name, text in files.items()
    }
    movie = bad_audio.encode_av(bad_audio.sound(0.5, 44_100), 44_100, "ipod", "aac")
    silent = movie.replace(movie[movie.index(b"mdat") + 4 :][:2000], bytes(2000))
    files["mov-reference"] = with_reference(silent, str(secret))
    return files


def test_no_file_makes_the_server_read_another(client, tmp_path):
    # With FFmpeg's options enable_drefs and use_absolute_path it would be read, and be a 200.
    secret = tmp_path / "secret.m4a"
    secret.write_bytes(bad_audio.encode_av(bad_audio.sound(0.5, 44_100), 44_100, "ipod", "aac"))
    asked = []

    def seen(path):
        asked.append(path)
        return CLIP

    with serving(seen) as url:
        for name, audio in hostile_containers(url, secret).items():
            answer = send(client, audio, name)
            assert (name, answer.status_code) == (name, 400), answer.text
            assert str(secret) not in answer.text
        for text in (f"file://{secret}", f"{url}/g.wav", str(secret)):
            body = {"audio": text, "language": "be"}
            assert client.post("/transcribe", json=body).status_code == 400
            form = {"model": text, "language": "be"}
            files = {"file": ("x", CLIP)}
            assert client.post("/transcribe/file", files=files, data=form).status_code == 404
    assert asked == []


def test_of_a_video_the_sound_is_read(client):
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        sound = container.add_stream("aac", rate=16_000, layout="mono")
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(video.encode(picture))
        samples = bad_audio.sound(1.0)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.rate = 16_000
        container.mux([*sound.encode(frame), *sound.encode(None), *video.encode(None)])
    found = send(client, file.getvalue(), "film.mkv")
    assert found.status_code == 200, found.text
    assert 0.9 < found.json()["duration"] < 1.2
    silent = io.BytesIO()
    with av.open(silent, "w", format="matroska") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        container.mux([*video.encode(picture), *video.encode(None)])
    assert "no audio track" in fault(send(client, silent.getvalue()))


def form(*parts, end=b"--x--\r\n"):
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end


def part(head, content=CLIP):
    return b"Content-Disposition: form-data; " + head + b"\r\n\r\n" + content


FILE = part(b'name="file"; filename="x.wav"')
FORMS = {
    "thousands of parts": (form(*[part(b'name="a%d"' % n, b"") for n in range(5000)]), {400}),
    "thousands of files": (form(*[FILE[:200]] * 5000), {400}),
    "a huge field": (form(part(b'name="model"', b"x" * 3_000_000), FILE), {400}),
    "a huge header": (form(b"X: " + b"x" * 3_000_000 + b"\r\n" + FILE), {400}),
    "many headers": (form(b"".join(b"X%d: a\r\n" % n for n in range(50_000)) + FILE), {400}),
    "a huge name": (form(part(b'name="file"; filename="' + b"x" * 3_000_000 + b'"')), {400}),
    "a field twice": (form(part(b'name="language"', b"be"), part(b'name="language"', b"qqqq"),
                           FILE), {400}),
    "a parameter twice": (form(part(b'name="file"; name="language"; filename="x"; filename="y"')),
                          {200, 400}),
    "a name with nulls": (form(part(b'name="file"; filename="\x00../\xff\x00"')), {200}),
    "no end": (form(FILE, end=b""), {400}),
    "nothing": (b"", {400}),
    "only a boundary": (b"--x", {400}),
    "another boundary": (form(FILE).replace(b"--x", b"--y"), {400}),
    "text for a file": (form(part(b'name="file"', b"text")), {400}),
    "a file for text": (form(part(b'name="language"; filename="x"', b"be"), FILE), {400}),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_a_strange_form_is_refused(name, client):
    content, expected = FORMS[name]
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/transcribe/file", content=content, headers=headers)
    assert answer.status_code in expected, answer.text
    if answer.status_code == 400:
        assert 5 < len(answer.json()["error"]["message"]) < 300


JSONS = {
    "nested lists": b"[" * 500_000,
    "nested objects": b'{"audio":' * 100_000,
    "a huge number": b'{"audio":' + b"9" * 100_000 + b"}",
    "no number": b'{"audio": NaN}',
    "half a surrogate": b'{"audio": "\\ud800"}',
    "no UTF-8": b'{"audio": "\xff\xfe"}',
    "a key twice": b'{"audio": "AAAA", "audio": 1}',
    "no base64": b'{"audio": "\\u0430\\u0000"}',
    "a list": b'["audio"]',
    "an unknown key": b'{"audio": "AAAA", "__proto__": {}}',
}


@pytest.mark.parametrize("route", ["/transcribe", "/predict", "/setup"])
@pytest.mark.parametrize("name", JSONS)
def test_strange_json_is_refused(name, route, client):
    headers = {"Content-Type": "application/json"}
    answer = client.post(route, content=JSONS[name], headers=headers)
    assert answer.status_code == 400 or route == "/setup", answer.text


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, identity"])
def test_a_compressed_body_is_not_unpacked(encoding, client):
    body = {"content": b"\x1f\x8b" + bytes(100), "headers": {"Content-Encoding": encoding}}
    answer = client.post("/transcribe", **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "compressed_body")


PATHS = ["../params.yaml", "..%2f..%2fparams.yaml", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd",
         "a%00b", "%00", "x" * 5000, "..%5c..%5cx", "%0atuned", "%ff%fe", "..;/x"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_name_leads_out_of_its_folder(path, client, run):
    before = client.get("/models").json()
    stored = client.post("/upload", files={"file": (path[:1000], CLIP)}).json()["file_id"]
    assert re.fullmatch("[0-9a-f]{32}", stored)
    for url in (f"/process/whisper/{path}", f"/v1/models/{path}", f"/docs/{path}", f"/{path}"):
        raw = get(run, url, "POST" if "process" in url else "GET")
        assert re.match(rb"HTTP/1.1 40[04]", raw), raw
        assert b"root:" not in raw
    text = httpx2.QueryParams({"model": path})
    answer = client.post(f"/process/whisper/{stored}?{text}")
    assert answer.status_code in (400, 404)
    assert client.get("/models").json() == before


def get(run, path, method="GET", *headers):
    """The answer to a path that no client would send."""
    host, port = run.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close",
                 "Content-Length: 0", *headers]  # fmt: skip
        client.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


@pytest.mark.parametrize("given", ["a b", "a\tb", "x" * 129, "é", '"}', "a,b", "<b>", ""])
def test_a_strange_request_id_is_replaced(given, run):
    raw = get(run, "/nowhere", "GET", f"X-Request-ID: {given}").decode()
    (found,) = re.findall("x-request-id: (.*)\r\n", raw, re.IGNORECASE)
    assert re.fullmatch("[0-9a-f]{32}", found)
    assert raw.count(found) == 2


def test_a_header_can_not_bring_in_another_one(run):
    raw = get(run, "/nowhere", "GET", "X-Request-ID: a\r X-Other: b")
    assert re.match(rb"HTTP/1.1 40[04]", raw)
    assert b"X-Other" not in raw
    assert get(run, "/healthz", "GET", "Host: other").startswith(b"HTTP/1.1 400 ")  # two hosts


def test_what_fails_leaves_no_file_and_no_place(client, run):
    before = open_files()
    for audio in (b"", CLIP[:-4000], bytes(2_000_000), wav(tone(11.0))):
        send(client, audio)
    body = {"audio": base64.b64encode(b"no audio").decode()}
    assert client.post("/transcribe", json=body).status_code == 400
    with ExitStack() as opened:
        host, port = run.url.removeprefix("http://").split(":")
        for _ in range(20):  # they go away in the middle of an upload that lies on disk
            one = opened.enter_context(socket.create_connection((host, int(port))))
            head = (
                "POST /transcribe/file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n"
            )
            one.sendall(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode())
            one.sendall(b"--x\r\n" + part(b'name="file"; filename="x"', bytes(1_500_000)))
    wait_for(lambda: not run.service.metrics.open_requests._value.get(), 20)
    assert not run.service.batcher.num_waiting
    wait_for(lambda: open_files() <= before, 20)


def open_files():
    """Files that this process has open, and that have no name any more."""
    links = [one for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    return sum("(deleted)" in str(_target(one)) for one in links)


def _target(link):
    try:
        return link.readlink()
    except OSError:
        return link
