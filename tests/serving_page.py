"""The page of a server in a browser, as a person uses it.

    python -m tests.serving_page http://127.0.0.1:8000/ clip.wav be docs/serving.png

draws the picture of docs/serving.md: on a screen, and on a phone in dark mode, while a word is lit.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.chromium import Chromium

SCREEN = 1400  # pixels
DONE = "results.length && results.every((one) => one.nodes)"
SHOWN = "[...document.querySelectorAll('.words')].map((one) => one.textContent.trim())"


class Page:
    """The page of a server in a browser."""

    def __init__(self, browser, url):
        self.browser, self.url, self.run = browser, url, browser.evaluate

    def open(self, width=SCREEN, scheme="light"):
        self.browser.open(self.url, width, scheme)
        self.until("models.length")

    def until(self, script, seconds=120):
        end = time.monotonic() + seconds
        while not (found := self.run(script)):
            assert time.monotonic() < end, (script, self.run("document.body.innerText"))
            time.sleep(0.02)
        return found

    def choose(self, path, done=DONE):
        """Choose a file as its dialog does."""
        root = self.browser.call("DOM.getDocument")["root"]["nodeId"]
        found = self.browser.call("DOM.querySelector", nodeId=root, selector="#file")
        self.run("results = []")
        self.browser.call("DOM.setFileInputFiles", files=[str(path)], nodeId=found["nodeId"])
        self.until(done)

    def click(self, selector, number=0):
        self.run(f"document.querySelectorAll({json.dumps(selector)})[{number}].click()")

    def shown(self):
        return self.run(SHOWN)


def draw(
    url: str, clip: Path, language: str, out: Path,
    wide: int = 1100, narrow: int = 390, height: int = 1000,
):  # fmt: skip
    """Draw the page at a word in the middle of a clip."""
    pictures = []
    with tempfile.TemporaryDirectory() as profile:
        browser = Chromium(Path(profile))
        page = Page(browser, url)
        for width, scheme in ((wide, "light"), (narrow, "dark")):
            page.open(width, scheme)
            page.run(f"$('language').value = {json.dumps(language)}")
            page.choose(clip.resolve())
            page.run("seek(results[0].words.map(({ start, end }) => (start + end) / 2)"
                     "[results[0].words.length >> 1])")  # fmt: skip
            page.until("!audio.seeking && results[0].lit.length")
            pictures.append(browser.screenshot(height))
        browser.close()
    whole = Image.new("RGB", (wide + narrow, height))
    for picture, left in zip(pictures, (0, wide), strict=True):
        whole.paste(picture, (left, 0))
    whole.quantize(256, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    address, audio, code, picture = sys.argv[1:]
    draw(address, Path(audio), code, Path(picture))
