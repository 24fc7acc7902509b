"""URLs in messages and in provenance: without user info, query and fragment.

User info and query strings hold passwords and signatures. What a stage prints or writes ends up in
logs, manifests and Git.
"""

import re

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)(?:[^\s/?#]*@)?([^\s?#]*)(?:[?#]\S*)?")
_QUERY = re.compile(r"\?[\w.%~-]+=\S*")  # of a path alone, as HTTP libraries print it


def hide_secrets(text: str) -> str:
    """Remove user info, query and fragment from each URL in a text.

    >>> hide_secrets("https://me:pw@example.org:8443/a.tar?key=1#x was refused")
    'https://example.org:8443/a.tar was refused'
    """
    return _QUERY.sub("", _URL.sub(r"\1\2", text))
