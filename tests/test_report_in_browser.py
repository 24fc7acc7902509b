# python -m pytest tests/test_report_in_browser.py
"""The report in a real browser, at the width of a phone and of a screen, in both colour schemes."""

from itertools import pairwise

import pytest

from tests.chromium import CHROMIUM, Chromium
from tests.report_inputs import CLIPS, render, write_guards, write_inputs

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

PHONE, SCREEN = 390, 1400  # pixels
SCHEMES = ("light", "dark")

ATTACK = "\"><img src=x onerror=hack()><script>hack()</script>'`&lt;"
REVERSED = "\u202eкот\u2066спіць\x00"
LONG = "брум" * 200
HEBREW = "הכלב ישן \u200fעכשיו"
HOSTILE = [
    (f"{ATTACK}{REVERSED}", f"{ATTACK} {REVERSED} адзін", "тры", f"{ATTACK} два {REVERSED}"),
    (LONG, f"{LONG} {LONG}", LONG, f"{LONG[1:]} {LONG}х"),
    ("he", HEBREW, "כלב", "הכלב ישנה 5 עכשיו"),
]
# Elements that reach beyond the window on the right, or hide part of what they hold.
CUT_OFF = """[...document.querySelectorAll("body *")].filter((one) => {
  const unseen = ".hidden-label, .skip, svg, thead, details:not([open]) > :not(summary)";
  if (one.closest(unseen)) return false;
  const box = one.getBoundingClientRect();
  const hides = getComputedStyle(one).overflowX !== "visible" && one.scrollWidth > one.clientWidth;
  return box.width && (box.right > innerWidth + 0.5 || box.left < -0.5 || hides);
}).map((one) => `${one.tagName} ${one.className}: ${one.textContent.slice(0, 60)}`)"""
# Text whose contrast with what lies behind it is below 4.5 (WCAG 2.2, 1.4.3).
FAINT = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const [r, g, b] = rgba(colour).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (rgba(colour)[3] === 255) return colour;
    }
    return "white";
  };
  const faint = new Set();
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || one.closest("script, title, desc")) continue;
    const style = getComputedStyle(one);
    const colour = one.closest("svg") ? style.fill : style.color;
    const [low, high] = [light(colour), light(behind(one))].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) faint.add(`${one.tagName}.${one.className} ${contrast.toFixed(2)}`);
  }
  return [...faint];
})()"""
NAMELESS = """[...document.querySelectorAll("svg, table, audio, img, nav, button")]
  .filter((one) => !one.ariaHidden)
  .filter((one) => !one.parentElement.closest("svg"))
  .filter((one) => !(one.matches("svg") ? one.querySelector("title") && one.querySelector("desc")
    : one.matches("table") ? one.caption && one.querySelector("th[scope=col]")
    : one.alt || one.ariaLabel || one.textContent.trim()))
  .map((one) => one.outerHTML.slice(0, 200))"""
HEADINGS = '[...document.querySelectorAll("h1, h2, h3, h4, h5")].map((one) => +one.tagName[1])'
OPEN_ALL = 'document.querySelectorAll("details").forEach((one) => (one.open = true))'


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium = Chromium(tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """With all sections and names as bad as they can be."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [{"step": step, "epoch": 1, "loss": 3 / step, "lr": 1e-4, "grad_norm": 3.0,
             "audio_s": 60.0} for step in range(1, 30)]  # fmt: skip
    write_inputs(folder, HOSTILE, train=rows, num_doubted=2, lm_languages=["be"],
                 with_champion=True, corpus='"><img src=x onerror=hack()>\u202e',
                 speaker_id=f"<i>{REVERSED}</i>")  # fmt: skip
    write_guards(folder, text=f"{ATTACK}{REVERSED}")
    render(folder)
    return folder / "report.html"


@pytest.mark.parametrize("width", [PHONE, SCREEN])
def test_hostile_texts_are_shown_and_never_run(browser, page, width):
    browser.open(page, width)
    assert browser.requests[0].startswith("file:")
    assert [one for one in browser.requests[1:] if not one.startswith("data:")] == []
    assert browser.messages == []  # no script failed or was refused, since there is none but ours
    count = "['script', 'i', 'b > img'].map((tag) => document.querySelectorAll(tag).length)"
    assert browser.evaluate(count) == [1, 0, 0]
    text = browser.evaluate("document.documentElement.textContent")
    assert ATTACK in text and "⟨U+202E⟩кот⟨U+2066⟩спіць⟨U+0000⟩" in text
    assert not set(text) & set("\u202e\u2066\x00\ufffd")
    attributes = "[...document.querySelectorAll('audio')].map((one) => one.ariaLabel).join()"
    assert "⟨U+202E⟩" in browser.evaluate(attributes)


@pytest.mark.parametrize("width", [320, PHONE, 700, 1030, 1200, SCREEN])
def test_nothing_is_cut_off_or_scrolls_sideways(browser, page, width):
    browser.open(page, width)
    for _ in range(2):
        assert browser.evaluate("document.documentElement.scrollWidth") == width
        assert browser.evaluate(CUT_OFF) == []
        browser.evaluate(OPEN_ALL)


@pytest.mark.parametrize("width", [PHONE, SCREEN])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_all_text_has_enough_contrast(browser, page, width, scheme):
    browser.open(page, width, scheme)
    browser.evaluate(OPEN_ALL)
    assert browser.evaluate(FAINT) == []


@pytest.mark.parametrize("width", [PHONE, SCREEN])
def test_a_picture_of_the_page_is_light_or_dark_and_has_its_colours(browser, page, width):
    for scheme, corner in zip(SCHEMES, [(251, 250, 247), (20, 22, 26)], strict=True):
        browser.open(page, width, scheme)
        picture = browser.screenshot(height=1500)
        assert picture.size == (width, 1500)
        assert picture.getpixel((1, 1)) == corner
        colours = {colour for _, colour in picture.getcolors(1 << 20)}
        tuned = {"light": (0, 103, 161), "dark": (86, 180, 233)}[scheme]
        assert tuned in colours and len(colours) > 100


def test_a_screen_reader_finds_its_way(browser, page):
    browser.open(page, SCREEN)
    assert browser.evaluate(NAMELESS) == []
    levels = browser.evaluate(HEADINGS)
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(level - before <= 1 for before, level in pairwise(levels))
    ids = "[...document.querySelectorAll('[id]')].map((one) => one.id)"
    assert len(set(browser.evaluate(ids))) == len(browser.evaluate(ids))
    assert browser.evaluate("document.documentElement.lang") == "en"
    assert browser.evaluate("document.querySelectorAll('main').length") == 1


def test_the_keyboard_reaches_the_scores_first_and_shows_where_it_is(browser, page):
    browser.open(page, SCREEN)
    browser.press_tab()
    focused = "(({ hash, textContent }) => [hash, textContent])(document.activeElement)"
    assert browser.evaluate(focused) == ["#scores", "Skip to the scores"]
    seen = "document.activeElement.getBoundingClientRect().left >= 0"
    assert browser.evaluate(seen) is True
    browser.press_tab()
    assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    links = "[...document.querySelectorAll('a')].filter((one) => !document.querySelector(one.hash))"
    assert browser.evaluate(f"{links}.length") == 0


def test_right_to_left_transcripts_start_at_the_right(browser, page):
    browser.open(page, PHONE)
    shown = """[...document.querySelectorAll("dd, bdi")]
      .filter((one) => one.matches("dd") || /^[א-ת]/.test(one.textContent))
      .filter((one) => /[א-ת]/.test(one.textContent))
      .map((one) => getComputedStyle(one).direction)"""
    directions = browser.evaluate(shown)
    assert len(directions) > 3 and set(directions) == {"rtl"}


def test_a_recording_can_be_played(browser, page):
    browser.open(page, SCREEN)
    load = """new Promise((done) => {
      const audio = document.querySelector("audio");
      audio.onloadedmetadata = () => done(audio.duration);
      audio.onerror = () => done(audio.error.message);
      audio.load(); audio.preload = "auto";
    })"""
    assert browser.evaluate(load) == pytest.approx(0.5, abs=0.01)


@pytest.fixture(scope="module")
def calm_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calm")
    write_inputs(folder, [*CLIPS, HOSTILE[2]])
    render(folder)
    return folder / "report.html"


SPOKEN = "[...document.querySelectorAll('.spoken')].find((one) => one.textContent.includes('{}'))"
FOCUSED = "document.activeElement.textContent"


def press(browser, key):
    for kind in ("rawKeyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)


def test_a_word_plays_the_recording_from_there_and_lights_up(browser, calm_page):
    browser.open(calm_page, PHONE)
    spoken = SPOKEN.format("чорны")
    lit = f"""new Promise((done) => {{
      const spoken = {spoken};
      const audio = spoken.closest(".example").querySelector("audio");
      const seen = new Set();
      new MutationObserver(() => {{
        for (const word of spoken.querySelectorAll(".now")) seen.add(word.textContent);
      }}).observe(spoken, {{ subtree: true, attributes: true }});
      const lit = () => spoken.querySelectorAll(".now").length;
      audio.addEventListener("ended", () => done([...seen, lit()]));
      audio.muted = true;
      spoken.querySelectorAll("button")[1].click();
    }})"""
    assert browser.evaluate(lit) == ["кот", "спіць", 0]


@pytest.mark.parametrize(
    ("text", "ahead", "back"),
    [("чорны", "ArrowRight", "ArrowLeft"), ("הכלב", "ArrowLeft", "ArrowRight")],
)
def test_arrows_move_from_word_to_word(browser, calm_page, text, ahead, back):
    browser.open(calm_page, SCREEN)
    browser.evaluate(f"{SPOKEN.format(text)}.querySelector('button').focus()")
    words = browser.evaluate(f"{SPOKEN.format(text)}.textContent").split()
    press(browser, ahead)
    assert browser.evaluate(FOCUSED) == words[1].replace("\u200f", "")
    press(browser, back)
    press(browser, back)  # before the first there is none
    assert browser.evaluate(FOCUSED) == words[0]
    tabs = f"{SPOKEN.format(text)}.querySelectorAll('button:not([tabindex=\"-1\"])').length"
    assert browser.evaluate(tabs) == 1


def test_utterances_without_an_error_are_shown_too(browser, calm_page):
    browser.open(calm_page, SCREEN)
    titles = browser.evaluate("[...document.querySelectorAll('h3')].map((one) => one.textContent)")
    assert "Heard without an error" in titles


def test_words_of_low_confidence_are_marked(browser, calm_page):
    browser.open(calm_page, SCREEN)
    spoken = SPOKEN.format("чорны")
    marked = f"[...{spoken}.querySelectorAll('.unsure')].map((one) => one.textContent)"
    assert browser.evaluate(marked) == ["кот", "спіць"]  # 0.75 / 2 and 0.75 / 3
