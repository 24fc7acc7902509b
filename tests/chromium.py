"""Debian's Chromium without a window, over its DevTools protocol on two pipes.

Needs no driver and no package: commands and answers are JSON, each with a zero byte at its end
(https://chromedevtools.github.io/devtools-protocol/, --remote-debugging-pipe).

    python -m tests.chromium metrics/report.html docs/report.png

draws README's picture of the report: on a screen, and on a phone in dark mode.
"""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from PIL import Image

CHROMIUM = shutil.which("chromium")
HEIGHT = 900  # pixels of the window
SECONDS = 60  # an answer takes milliseconds; a browser that hangs is ended


class Chromium:
    """One browser with one tab; it reports each request that the tab makes."""

    def __init__(self, profile: Path, *switches: str):
        (command, self._commands), (self._answers, answer) = os.pipe(), os.pipe()
        self._process = subprocess.Popen(
            # Not sh: that of Debian redirects no descriptor above 9.
            ["bash", "-c", f'exec "$0" "$@" 3<&{command} 4>&{answer}', CHROMIUM, "--headless=new",
             "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--hide-scrollbars", "--remote-debugging-pipe",
             f"--user-data-dir={profile}", *switches, "about:blank"],
            pass_fds=(command, answer), stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(command)
        os.close(answer)
        self._buffer, self._number, self._session = b"", 0, None
        self.requests, self.messages, self._loaded = [], [], False
        targets = self.call("Target.getTargets")["targetInfos"]
        tab = next(one["targetId"] for one in targets if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self):
        self._session = None
        self.call("Browser.close")
        self._process.wait(SECONDS)
        os.close(self._commands)
        os.close(self._answers)

    def open(self, page: Path | str, width: int, scheme: str = "light"):
        """Load a page in a window of a width and a colour scheme, and wait until it is there."""
        # A page that is left may still ask for the icons of its players.
        self._go_to("about:blank")
        self.requests, self.messages = [], []
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=HEIGHT,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        self._go_to(page if isinstance(page, str) else page.resolve().as_uri())

    def _go_to(self, url: str):
        self._loaded = False
        self.call("Page.navigate", url=url)
        while not self._loaded:
            self._receive()

    def evaluate(self, script: str):
        """The value of a JavaScript expression in the page, run as if by a click."""
        got = self.call("Runtime.evaluate", expression=script, returnByValue=True,
                        awaitPromise=True, userGesture=True)  # fmt: skip
        if "exceptionDetails" in got:
            raise RuntimeError(got["exceptionDetails"]["exception"]["description"])
        return got["result"].get("value")

    def press_tab(self):
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab",
                      windowsVirtualKeyCode=9)  # fmt: skip

    def screenshot(self, height: int) -> Image.Image:
        """A picture of the page from its top on."""
        clip = {"x": 0, "y": 0, "width": self.evaluate("innerWidth"), "height": height, "scale": 1}
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")

    def call(self, method: str, **params):
        """Send a command and wait for its answer."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            got = self._receive()
            if got.get("id") == self._number:
                if "error" in got:
                    raise RuntimeError(f"{method}: {got['error']}")
                return got["result"]

    def _receive(self):
        timer = threading.Timer(SECONDS, self._process.kill)
        timer.start()
        try:
            while b"\0" not in self._buffer:
                chunk = os.read(self._answers, 1 << 20)
                if not chunk:
                    raise RuntimeError(f"chromium ended, status {self._process.wait(SECONDS)}")
                self._buffer += chunk
        finally:
            timer.cancel()
        message, _, self._buffer = self._buffer.partition(b"\0")
        event = json.loads(message)
        params = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.messages.append(params)
            case "Page.javascriptDialogOpening":
                self.messages.append(params)
            case "Page.loadEventFired":
                self._loaded = True
        return event


def draw_report(page: Path, out: Path, wide: int = 1200, narrow: int = 390, height: int = 1340):
    with tempfile.TemporaryDirectory() as profile:
        browser = Chromium(Path(profile))
        picture = Image.new("RGB", (wide + narrow, height))
        for left, width, scheme in ((0, wide, "light"), (wide, narrow, "dark")):
            browser.open(page, width, scheme)
            picture.paste(browser.screenshot(height), (left, 0))
        browser.close()
    picture.quantize(256, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    draw_report(*map(Path, sys.argv[1:]))
