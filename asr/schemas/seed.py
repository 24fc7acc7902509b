"""The one seed."""

from typing import Annotated

from pydantic import Field

Params = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
