"""Objects in a bucket of an S3 server, such as Supabase Storage."""

import os
from functools import lru_cache
from typing import Annotated, Any

from pydantic import Field

from asr.core.errors import InputError
from asr.core.schema import Schema
from asr.corpora.paths import safe_path
from asr.sources.params import FetchParams

# Names alone: what they hold stays in the environment.
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class Bucket(Schema):
    """A bucket.

    Attributes:
        bucket: its name.
        region: as the server names its region.
        endpoint_env: variable with the server's address; None for Amazon's own.
        key_env: variable with the access key's id.
        secret_env: variable with the access key.
    """

    bucket: str = Field(min_length=1)
    region: str = Field(min_length=1)
    endpoint_env: Variable | None
    key_env: Variable
    secret_env: Variable


def check_variables(bucket: Bucket, place: str) -> None:
    """Check that the environment has the variables that a bucket names.

    Raises:
        InputError: with the key whose variable is missing.
    """
    for key in ("endpoint_env", "key_env", "secret_env"):
        name = getattr(bucket, key)
        if name is not None and not os.environ.get(name):
            raise InputError(f"{place}.{key}: no environment variable ${name}")


def read_object(bucket: Bucket, key: str, column: str, limits: FetchParams) -> bytes:
    """Read an object.

    Args:
        bucket: that holds it.
        key: its name.
        column: that has the key, for messages.
        limits: section ``fetch``, on its size.

    Raises:
        InputError: if that fails or the object is too large.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    path = f"{bucket.bucket}/{safe_path(key, column)}"
    try:
        # One byte more shows a file that is too large, without a request for its size.
        content: bytes = _opened(bucket).cat_file(path, start=0, end=limits.max_bytes + 1)
    except (OSError, ClientError, BotoCoreError) as error:
        # Its text may hold the server's address and the key's id.
        missing = isinstance(error, FileNotFoundError)
        why = "there is no such object" if missing else type(error).__name__
        raise InputError(f"{column}: {path!r:.200}: {why}") from None
    if len(content) > limits.max_bytes:
        raise InputError(f"{column}: {limits.too_large(len(content))}")
    return content


@lru_cache(maxsize=4)
def _opened(bucket: Bucket) -> Any:
    import fsspec

    return fsspec.filesystem(
        "s3",
        key=os.environ[bucket.key_env],
        secret=os.environ[bucket.secret_env],
        endpoint_url=os.environ[bucket.endpoint_env] if bucket.endpoint_env else None,
        client_kwargs={"region_name": bucket.region},
        skip_instance_cache=True,
    )
