"""Half of the bodies that schemathesis makes get real audio, and paths real names.

``st`` imports it by ``$SCHEMATHESIS_HOOKS``; random bytes alone would never pass the decoder.
"""

import base64
import os
import zlib

import requests
import schemathesis

from tests.bad_audio import encode, sound, whole_files

# Of 0.2 s and of several pieces; in formats of both decoders; cut off.
WHOLE = {**whole_files(0.2), "long.wav": encode(sound(7.0))}
CLIPS = [clip for name, clip in WHOLE.items() if name.split(".")[1] in ("wav", "mp3", "ogg", "m4a")]
CLIPS += [CLIPS[0][:-500], b"RIFF"]
NAMES = ["tuned", "base", "mine-1.0.0", "../tuned", "%2e%2e"]
KNOWN = {"model": "tuned", "language": "be"}
LABELS = '<View><Audio name="a" value="$sound"/><TextArea name="t" toName="a"/></View>'


def chosen(value, number):
    """A number below ``number``, the same for the same value in each run."""
    return zlib.crc32(repr(value).encode(errors="replace")) % number


@schemathesis.hook
def map_body(context, body):
    if not isinstance(body, dict) or chosen(body, 2):
        return body
    clip = CLIPS[chosen(sorted(map(str, body)), len(CLIPS))]
    known = {name: value for name, value in KNOWN.items() if name in body}
    if "file" in body:
        return body | known | {"file": clip}
    if "audio" in body:
        return body | known | {"audio": base64.b64encode(clip).decode()}
    if "tasks" in body:
        task = {"id": 1, "data": {"sound": "/a.wav"}}
        return body | {"label_config": LABELS, "tasks": [task]}
    return body


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if not path_parameters or chosen(path_parameters, 2):
        return path_parameters
    if "name" in path_parameters:
        return {"name": NAMES[chosen(path_parameters, len(NAMES))]}
    if "file_id" in path_parameters:
        url = os.environ["SERVER_URL"]
        stored = requests.post(f"{url}/upload", files={"file": CLIPS[0]}, timeout=30)
        return {"file_id": stored.json()["file_id"]}
    return path_parameters
