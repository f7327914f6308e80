"""Names of files as names of objects: the same, but for what storages cannot hold."""

import re
from typing import Final

# `#` and digits at the end of a name is what obstore calls its own files in a directory. `%` must stay unambiguous.
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f%\\]|#(?=\d+$)")


def object_name(path: str) -> str:
    """`urllib.parse.unquote` gives the path again.

    >>> object_name("a/b c.txt"), object_name("a/50%/x#1"), object_name("line\\nbreak")
    ('a/b c.txt', 'a/50%25/x%231', 'line%0Abreak')
    """
    return "/".join(_UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", part) for part in path.split("/"))
