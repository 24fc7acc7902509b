# python -m pytest tests/test_serving_page.py
"""The server's page in a real browser: record, listen, compare, correct, download."""

import hashlib
import json
import random
import threading
import time
from itertools import pairwise

import httpx2
import pytest
from PIL import Image

from asr.serving.keys import VARIABLE
from tests.chromium import CHROMIUM, Chromium
from tests.clips_table import as_role, supabase
from tests.examples import tone, wav
from tests.serving import running, served_folder
from tests.serving_page import DONE, SHOWN, Page, draw
from tests.test_report_in_browser import CUT_OFF, FAINT, NAMELESS, PHONE, SCREEN, press

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

HOSTILE = "<img src=x onerror=hack()><script>hack()"
TEXTS = {"tuned": "кот спіць на стале", "base": "Кот, спіт на", HOSTILE: f"{HOSTILE} & слова"}
HEBREW = "הכלב ישן עכשיו"
# One piece a batch.
DECODE = {"max_tokens_per_s": 0.5, "min_token_budget": 4, "batch_seconds": 3.5}
MODELS = {"language": "be", "decode": DECODE, "folders": [f"models/{name}" for name in TEXTS]}
# The chooser's input is there for keys; a long name ends in an ellipsis; words scroll.
MAY_HIDE = ("INPUT : ", "BDI : ", "DIV words")


class Saying:
    """An engine whose texts are given, since random weights write no words."""

    def __init__(self, engine, texts, name):
        self.engine, self.num_workers, self.device = engine, engine.num_workers, engine.device
        self.texts, self.name = texts, name
        self.fourth = threading.Event()  # the fourth piece of a file waits for it
        self.fourth.set()

    def transcribe(self, waveforms, utterances, context_s, budgets):
        if any(one.id.endswith("/3") for one in utterances):
            assert self.fourth.wait(60)
        found = self.engine.transcribe(waveforms, utterances, context_s, budgets)
        new = {"text": self.texts[self.name], "runaway": False}
        return [one.model_copy(update=new) for one in found]


@pytest.fixture(scope="module")
def texts():
    return dict(TEXTS)


@pytest.fixture(autouse=True)
def _same_texts(texts):
    texts.update(TEXTS)


@pytest.fixture(scope="module")
def folder(made_once, tmp_path_factory):
    folder = served_folder(made_once, tmp_path_factory, *TEXTS)
    (folder / "clip.wav").write_bytes(wav(tone(2.0)))
    (folder / "long.wav").write_bytes(wav(tone(7.0)))
    (folder / "<b>x.wav").write_bytes(wav(tone(0.5)))
    (folder / "no audio.mp3").write_bytes(b"no audio")
    return folder


@pytest.fixture(scope="module")
def table():
    with supabase() as people:
        people.run("alter role page_writer login")
        yield people


@pytest.fixture(scope="module")
def server(folder, table, texts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CORRECTIONS_WRITER_DSN", as_role(table.address, "page_writer"))
        corrections = {"dsn_env": "CORRECTIONS_WRITER_DSN", "retry_s": 0.0}
        with running(folder, models=MODELS, corrections=corrections) as run:
            for name in TEXTS:
                model = run.service.loaded.load(name)
                model.engine = Saying(model.engine, texts, name)
            yield run


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chromium")
    (folder / "spoken.wav").write_bytes(wav(tone(30.0)))
    chromium = Chromium(
        folder / "profile", "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={folder / 'spoken.wav'}",
    )  # fmt: skip
    yield chromium
    chromium.close()


@pytest.fixture
def page(browser, server):
    found = Page(browser, f"{server.url}/")
    browser.open(f"{server.url}/page.css", SCREEN)  # a page of the same origin, to forget all
    browser.evaluate("localStorage.clear(), sessionStorage.clear()")
    found.open()
    return found


def downloaded(page, folder, format_, number=0):
    page.browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    page.click(f"[data-format={format_}]", number)
    end = time.monotonic() + 20
    while not (found := list(folder.glob(f"*.{format_}"))):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found[0]


def test_a_recording_lights_up_is_corrected_stored_and_downloaded(page, table, tmp_path):
    page.click("#record")
    page.until("recorder && $('record').textContent.includes('0:01')")
    page.click("#record")
    page.until(DONE)
    assert page.shown()[:1] == [TEXTS["tuned"]]
    assert 0.8 < page.run("duration") < 5
    assert page.run("file.blob.type") == "audio/wav"
    # Words light up in their own time, and no other.
    lit = """(() => { audio.pause(); const result = results[0]; return result.words.map((word) => {
      light(result, (word.start + word.end) / 2 || 0.001);
      return [...result.list.querySelectorAll('.now')].map((node) => node.textContent); }); })()"""
    page.run("seek(0.001)")
    assert page.run(lit) == [[word] for word in TEXTS["tuned"].split()]
    seen = page.run("""new Promise((done) => { const seen = new Set();
      const look = () => { for (const one of results[0].lit) seen.add(one.textContent);
        if (!audio.ended) requestAnimationFrame(look); else done([...seen]); };
      audio.muted = true; seek(0); audio.play().then(look); })""")
    assert seen and set(seen) <= set(TEXTS["tuned"].split())
    # Correct it in place, send it, and find it in the table.
    page.click(".edit")
    assert page.run("document.activeElement.value") == TEXTS["tuned"]
    page.run("document.activeElement.value = 'кот спіць на мяккім крэсле'")
    page.click(".edit")
    assert page.shown()[0] == "кот спіць на мяккім крэсле"
    page.click(".send")
    note = page.until("/Stored/.test(results[0].card.textContent) && results[0].card.innerText")
    assert "Stored as correction" in note
    columns = "corrected_transcription, draft_transcription, draft_model, language"
    (row,) = table.run(f"select {columns} from clips")
    # With «Detect» the language is that of conf/serve.yaml.
    assert row == ("кот спіць на мяккім крэсле", TEXTS["tuned"], "tuned", "be")
    assert bytes(table.run("select audio from clips")[0][0]).startswith(b"RIFF")
    # The file has the corrected text in the time of what it replaces.
    found = json.loads(downloaded(page, tmp_path, "json").read_text())
    assert (found["text"], found["corrected"]) == ("кот спіць на мяккім крэсле", True)
    words = [word for segment in found["segments"] for word in segment["words"]]
    assert [word["word"] for word in words] == found["text"].split()
    assert all(one["end"] <= two["start"] + 1e-6 for one, two in pairwise(words))


def test_a_dropped_file_is_compared_word_by_word(page, folder):
    drag = {"items": [], "files": [str(folder / "clip.wav")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.browser.call("Input.dispatchDragEvent", type=kind, x=300, y=400, data=drag)
        if kind == "dragOver":
            assert page.run("document.body.className") == "over"
    page.until(DONE)
    assert page.run("[$('name').textContent, document.body.className]") == ["clip.wav", ""]
    assert page.shown() == [TEXTS["tuned"], TEXTS["base"]]
    marked = """results.map(({ card }) =>
      [...card.querySelectorAll('.differs')].map((node) => node.textContent))"""
    assert page.run(marked) == [["спіць", "стале"], ["спіт"]]  # not «Кот,»
    assert (
        page.run("results[0].card.querySelector('.changes').textContent") == "2 of 4 words differ"
    )
    assert page.run("[...$('wave').firstElementChild.getContext('2d')"
                    ".getImageData(50, 0, 1, 80).data].some(Boolean)")  # fmt: skip
    page.run("$('model-1').value = ''; $('model-1').dispatchEvent(new Event('change'))")
    page.click("#again")
    page.until(f"{DONE} && results.length === 1")
    assert page.run("results[0].list.querySelectorAll('.differs').length") == 0


def test_files_are_those_of_the_server(page, server, folder, tmp_path):
    page.choose(folder / "clip.wav")
    for format_ in ("srt", "vtt", "lrc"):
        found = downloaded(page, tmp_path, format_, number=1)
        files = {"file": (folder / "clip.wav").read_bytes()}
        asked = {"model": "base", "response_format": format_}
        answer = httpx2.post(f"{server.url}/v1/audio/transcriptions", files=files, data=asked)
        assert found.read_text().split() == answer.text.split()
        assert found.name == f"clip.base.{format_}"


def test_text_of_a_long_file_comes_as_it_is_decoded(page, server, folder):
    engine = server.service.loaded.find("tuned").engine
    engine.fourth.clear()
    page.choose(folder / "long.wav", done=f"{SHOWN}[0]?.length >= {len(TEXTS['tuned'])}")
    state = "[results[0].nodes === undefined, $('status').textContent]"
    assert page.run(state) == [True, "Transcribing"]
    assert page.shown()[0].startswith(TEXTS["tuned"])
    engine.fourth.set()
    page.until(DONE)
    assert page.shown()[0] == " ".join([TEXTS["tuned"]] * 4)


def test_hebrew_reads_from_right_to_left_and_arrows_follow(page, folder, texts):
    texts["tuned"] = HEBREW
    page.run("$('language').value = 'he'")
    page.choose(folder / "clip.wav")
    style = "[getComputedStyle(results[0].list).direction, results[0].list.lang]"
    assert page.run(style) == ["rtl", "he"]
    left = "[...results[0].nodes].map((node) => node.getBoundingClientRect().left)"
    assert page.run(left) == sorted(page.run(left), reverse=True)
    page.run("results[0].nodes[0].focus()")
    for key, word in (("ArrowLeft", 1), ("ArrowLeft", 2), ("ArrowRight", 1), ("Home", 0)):
        press(page.browser, key)
        assert page.run("document.activeElement.textContent") == HEBREW.split()[word]
    page.click(".edit")
    assert page.run("getComputedStyle(document.activeElement).direction") == "rtl"


def test_all_of_it_works_with_keys_alone(page, folder):
    page.choose(folder / "clip.wav")
    page.run("document.activeElement.blur()")
    reached = []
    for _ in range(30):
        page.browser.press_tab()
        reached.append(page.run("document.activeElement.id || document.activeElement.className"
                                " || document.activeElement.textContent"))  # fmt: skip
    order = ["record", "file", "language", "model-0", "model-1", "play", "wave", "speed", "again"]
    assert [one for one in reached if one in order][:9] == order
    assert {"кот", "edit", "copy"} <= set(reached)
    page.run("$('wave').focus()")
    for key, position in (("ArrowRight", 1), ("End", 2), ("ArrowLeft", 1), ("Home", 0)):
        press(page.browser, key)
        assert page.until("!audio.seeking && [audio.currentTime]")[0] == pytest.approx(position)
    assert page.run("[$('wave').ariaValueText]") == ["0.0 of 2.0 seconds"]
    page.run("results[0].nodes[2].click()")
    page.until("results[0].words[2].start <= audio.currentTime")
    press(page.browser, "Escape")
    page.click(".edit")
    before = page.run("audio.paused")
    press(page.browser, "Escape")
    page.until(f"audio.paused !== {json.dumps(before)} || audio.ended")


def test_hostile_texts_and_names_are_text(page, folder):
    page.run(f"$('model-1').value = {json.dumps(HOSTILE)}")
    page.browser.messages.clear()
    page.choose(folder / "<b>x.wav")
    assert page.shown()[1] == TEXTS[HOSTILE]
    assert page.run("[results[1].card.querySelector('h2').textContent, $('name').textContent]") == [
        HOSTILE, "<b>x.wav"
    ]  # fmt: skip
    page.run(f"show({{ what: {json.dumps(HOSTILE)}, why: {json.dumps(HOSTILE)}, id: 'a' }})")
    assert page.run("document.querySelectorAll('script, img, b').length") == 1
    assert page.browser.messages == []  # the policy had nothing to refuse
    own = page.url
    assert [
        one for one in page.browser.requests if not one.startswith((own, "blob:", "data:"))
    ] == []


def test_an_error_is_told_in_plain_words_with_the_requests_id(page, folder):
    page.choose(folder / "no audio.mp3", done="!$('problem').hidden && !$('unplayable').hidden")
    told = page.run("$('problem').innerText")
    assert "The server can't read this file as audio." in told
    assert len(page.run("$('problem').querySelector('code').textContent")) == 32


def test_a_correction_that_is_not_stored_stays_on_the_page(page, table, folder):
    page.choose(folder / "clip.wav")
    page.click(".edit")
    page.run("document.activeElement.value = 'мой тэкст'")
    table.run("alter function correct_upload rename to gone")
    try:
        page.click(".send")
        note = "results[0].card.querySelector('.note').textContent"
        told = page.until(f"/request/.test({note}) && {note}")
    finally:
        table.run("alter function gone rename to correct_upload")
    assert "Your text stays here: send it again later." in told
    assert page.run("document.querySelector('textarea').value") == "мой тэкст"
    page.click(".send")
    page.until(f"/Stored/.test({note})")


def test_a_recording_that_no_corpus_takes_is_told_with_the_limits(page, folder):
    page.choose(folder / "long.wav")
    page.click(".edit")
    page.run("document.activeElement.value = 'мой тэкст'")
    page.click(".send")
    note = "results[0].card.querySelector('.note').textContent"
    told = page.until(f"/request/.test({note}) && {note}")
    assert "longer than the server takes" in told and "0.3 to 3 s of audio" in told


def test_the_key_stays_in_its_tab(folder, browser, monkeypatch):
    digest = hashlib.sha256(b"key-of-ann").hexdigest()
    monkeypatch.setenv(VARIABLE, f"ann:{digest}")
    with running(folder, models=MODELS) as run:
        browser.open(f"{run.url}/", SCREEN)
        page = Page(browser, f"{run.url}/")
        page.until("$('access').open && !$('problem').hidden")
        assert page.run("document.activeElement.id") == "key"
        page.run("$('key').value = 'key-of-ann'; $('access').querySelector('form').requestSubmit()")
        page.until("models.length")
        assert page.run("[$('problem').hidden, $('access').open]") == [True, False]
        assert "key-of-ann" not in page.run("JSON.stringify(localStorage) + document.cookie")
        assert page.run("JSON.stringify(sessionStorage)").count("key-of-ann") == 1


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (PHONE, "dark"), (SCREEN, "light")])
def test_it_fits_and_can_be_read(page, folder, texts, width, scheme):
    texts["tuned"] = f"{'доўгаеслова' * 12} {HEBREW}"
    page.open(width, scheme)
    page.choose(folder / "clip.wav")
    page.run("show({ what: 'a', why: 'b'.repeat(300), id: 'c'.repeat(128) })")
    for _ in range(2):
        assert page.run("document.documentElement.scrollWidth") == width
        assert [one for one in page.run(CUT_OFF) if not one.startswith(MAY_HIDE)] == []
        assert page.run(FAINT) == []
        page.click(".edit")
    assert page.run(NAMELESS.replace("audio, ", "")) == []
    unnamed = """[...document.querySelectorAll('select, input, textarea')].filter((one) =>
      !one.ariaLabel && !one.labels.length).map((one) => one.outerHTML)"""
    assert page.run(unnamed) == []
    background = page.run("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(251, 250, 247)" if scheme == "light" else "rgb(20, 22, 26)")


def test_differences_are_the_fewest_there_are(page):
    chance = random.Random(0)
    pairs = [["".join(chance.choices("abcd", k=chance.randrange(9))) for _ in "ab"]
             for _ in range(200)]  # fmt: skip
    for (a, b), found in zip(pairs, page.run(
        f"{json.dumps(pairs)}.map(([a, b]) => matched([...a], [...b]))"
    ), strict=True):  # fmt: skip
        assert all(a[i] == b[j] for i, j in found)
        assert found == sorted(found) and len({i for i, _ in found}) == len(found)
        assert len({j for _, j in found}) == len(found) == common(a, b), (a, b)
    assert page.run("matched(Array(20000).fill('a'), Array(20000).fill('b')).length") == 0


def common(a, b):
    """The length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for one in a:
        new = [0]
        for at, two in enumerate(b):
            new.append(row[at] + 1 if one == two else max(row[at + 1], new[-1]))
        row = new
    return row[-1]


def test_the_files_of_the_page_are_the_same_or_new(server):
    for path, kind in (
        ("/", "text/html"),
        ("/page.css", "text/css"),
        ("/page.js", "text/javascript"),
    ):
        answer = httpx2.get(server.url + path)
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        again = httpx2.get(server.url + path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert httpx2.get(server.url + path, headers={"If-None-Match": '"x"'}).status_code == 200
    assert (
        "style=" not in httpx2.get(server.url).text and "onclick" not in httpx2.get(server.url).text
    )


def test_the_picture_of_the_docs_can_be_drawn(server, folder, tmp_path):
    draw(f"{server.url}/", folder / "clip.wav", "be", tmp_path / "page.png", 600, 390, 500)
    assert Image.open(tmp_path / "page.png").size == (990, 500)
