"""The form of the checksums that a dataset's config may state."""

import re

from restorelab.errors import ConfigError


def check_digests(owner: str, **digests: str | None) -> None:
    """Raise ConfigError for a checksum, sha256 or md5, that does not have the form of one."""
    for name, value in digests.items():
        digits = {"sha256": 64, "md5": 32}[name]
        if value is not None and not re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", value):
            msg = f"{owner}: {name} is {value!r}; expected {digits} hexadecimal digits, or null for no check."
            raise ConfigError(msg)
