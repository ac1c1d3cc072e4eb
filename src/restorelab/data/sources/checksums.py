"""Check the format of the checksums in a dataset's config."""

import re

from restorelab.errors import ConfigError


def check_digests(owner: str, **digests: str | None) -> None:
    """Raise ConfigError for a malformed checksum; the keyword is its kind, sha256 or md5."""
    for name, value in digests.items():
        digits = {"sha256": 64, "md5": 32}[name]
        if value is not None and not re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", value):
            raise ConfigError(
                f"{owner}: {name} is {value!r}; expected {digits} hexadecimal digits, or null to skip it."
            )
