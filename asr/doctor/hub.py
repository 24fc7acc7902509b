"""The Hugging Face hub: reached, logged in, and the clock against the hub's."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from huggingface_hub import HfApi, constants, get_token
from huggingface_hub.errors import HfHubHTTPError

from asr.core.urls import hide_secrets
from asr.doctor.finding import Finding, within

TIMEOUT_S = 5.0
MOST_SKEW_S = 300.0  # S3 refuses signatures that are off by 15 minutes


def check_hub(timeout_s: float = TIMEOUT_S) -> Iterator[Finding]:
    """Whether the hub answers, and knows the token, which is never printed."""
    address = hide_secrets(constants.ENDPOINT)
    if constants.HF_HUB_OFFLINE:
        text = "HF_HUB_OFFLINE is set: only what is already here can be used"
        yield Finding("warn", text, "unset HF_HUB_OFFLINE")
        return
    try:
        date = within(timeout_s, lambda: _date(timeout_s))
    except (URLError, TimeoutError, OSError) as error:
        text = f"{address} can't be reached: {hide_secrets(str(error))}"
        yield Finding("warn", text, "export HF_ENDPOINT=…  # of a mirror, if you use the hub")
        return
    if date and abs(off := time.time() - date) > MOST_SKEW_S:
        text = f"this machine's clock is off by {off:+.0f} s: storages refuse signed requests"
        yield Finding("fail", text, "sudo timedatectl set-ntp true")
    if get_token() is None:
        text = f"{address} answers; not logged in, which only private data and uploads need"
        yield Finding("warn", text, "hf auth login")
        return
    try:
        name = within(timeout_s, lambda: HfApi().whoami())["name"]
    except HfHubHTTPError as error:
        text = f"{address} refuses the token, with status {error.response.status_code}"
        yield Finding("fail", text, "hf auth login --force")
    except (OSError, TimeoutError) as error:
        yield Finding("warn", f"{address} did not say who is logged in: {type(error).__name__}")
    else:
        yield Finding("ok", f"{address}, logged in as {name}")


def _date(timeout_s: float) -> float | None:
    """The hub's clock, in seconds since 1970; None if its answer has no date."""
    try:
        with urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=timeout_s) as answer:
            stamp = answer.headers["Date"]
    except HTTPError as error:  # any status is an answer
        stamp = error.headers["Date"]
    return parsedate_to_datetime(stamp).timestamp() if stamp else None
