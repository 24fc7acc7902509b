"""Schema of section ``fetch`` in ``params.yaml``."""

from pydantic import Field

from asr.core.schema import Schema


class FetchParams(Schema):
    """Section ``fetch``: limits on what a source may send.

    Attributes:
        max_file_mb: of one file of a corpus, in MB; fetch holds one file in memory.
        max_url_s: seconds for one row's URL in total, redirects included.
    """

    max_file_mb: float = Field(gt=0)
    max_url_s: float = Field(gt=0)

    @property
    def max_bytes(self) -> int:
        """``max_file_mb`` in bytes."""
        return int(self.max_file_mb * 1e6)

    def too_large(self, got: int) -> str:
        """The second half of a message about a file of ``got`` bytes."""
        return f"expected at most {self.max_bytes} bytes (fetch.max_file_mb), got {got}"
