"""A server of the models, one process a device, with OpenAI's API.

A request's way: ``logs.py`` gives it an id, ``limits.py`` lets it in (host, ``keys.py``, rate,
places, size, time), ``app.py`` has the routes, ``openai.py`` and ``label_studio.py`` the forms of
questions and answers, ``uploads.py`` files that several requests name. ``service.py`` has what they
share. ``reading.py`` decodes an upload, which waits on disk, and cuts it at silences into pieces no
longer than the model's window. ``transcription.py`` is the request as the engine sees it.

``queue.py`` puts pieces of all requests into one line, in which requests take turns. ``batcher.py``
decodes from there: as soon as a batch is done, the next is filled by seconds of audio as
``asr/decoding/transcribe.py`` fills them, with pieces of similar length of whatever requests. So
many short clips are one batch, and none waits behind a long file. A piece's second decoding after a
runaway, its language and its word times are further steps in the same line. ``models.py`` opens
models as ``commands.predict`` does and bounds the memory of those that are loaded.

A request that is cancelled (its client is gone, its time is over) leaves the line, and a batch that
runs ends without it. ``run.py`` starts uvicorn, ``connections.py`` closes those that stall,
``metrics.py`` counts, ``params.py`` is the schema of ``conf/serve.yaml``, ``errors.py`` the form of
errors. ``page.py`` serves the web page of ``static/``, and ``corrections.py`` takes what people
correct there.

Texts are those of ``commands.predict`` with the same section ``decode``. As there, the length of
the longest clip in a batch decides how much context all of them have.
"""
