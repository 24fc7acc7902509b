"""Debian's Chromium without a window, over its DevTools protocol on two pipes.

Needs no driver and no package: commands and answers are JSON, each with a zero byte at its end
(https://chromedevtools.github.io/devtools-protocol/, --remote-debugging-pipe).
"""

import base64
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

CHROMIUM = shutil.which("chromium")
HEIGHT = 900  # pixels of the window
SECONDS = 60  # an answer takes milliseconds; a browser that hangs is ended


class Chromium:
    """One browser with one tab; it reports each request that the tab makes."""

    def __init__(self, profile: Path):
        (command, self._commands), (self._answers, answer) = os.pipe(), os.pipe()
        self._process = subprocess.Popen(
            # Not sh: that of Debian redirects no descriptor above 9.
            ["bash", "-c", f'exec "$0" "$@" 3<&{command} 4>&{answer}', CHROMIUM, "--headless=new",
             "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--hide-scrollbars", "--remote-debugging-pipe",
             f"--user-data-dir={profile}", "about:blank"],
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

    def open(self, page: Path, width: int, scheme: str = "light"):
        """Load a page in a window of a width and a colour scheme, and wait until it is there."""
        self.requests, self.messages, self._loaded = [], [], False
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=HEIGHT,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not self._loaded:
            self._receive()

    def evaluate(self, script: str):
        """The value of a JavaScript expression in the page."""
        got = self.call("Runtime.evaluate", expression=script, returnByValue=True,
                        awaitPromise=True)  # fmt: skip
        if "exceptionDetails" in got:
            raise RuntimeError(got["exceptionDetails"]["exception"]["description"])
        return got["result"].get("value")

    def press(self, key: str):
        """Press a key that writes nothing, such as Tab."""
        codes = {"Tab": 9, "Escape": 27}
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode=codes[key])  # fmt: skip

    def screenshot(self, out: Path, whole: bool = True, **clip):
        """Write a PNG, or a WebP by its name, of the whole page or of the window."""
        kind = out.suffix.removeprefix(".")
        options = {"quality": 80} if kind == "webp" else {}
        if clip:
            options["clip"] = {"x": 0, "y": 0, "scale": 1, **clip}
        shot = self.call("Page.captureScreenshot", format=kind, captureBeyondViewport=whole,
                         **options)  # fmt: skip
        out.write_bytes(base64.b64decode(shot["data"]))

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
