"""Parse and format durations."""

from restorelab.errors import ConfigError


def seconds(text: str) -> float:
    """Return the seconds of `DD:HH:MM:SS` or `HH:MM:SS`.

    Raises:
        ConfigError: for another format.
    """
    parts = text.split(":")
    if len(parts) not in (3, 4) or not all(part.isdigit() for part in parts):
        raise ConfigError(
            f"max_time: {text!r} does not have the form HH:MM:SS or DD:HH:MM:SS, such as '00:30:00'. Quote it in YAML."
        )
    days, hours, minutes, secs = [0] * (4 - len(parts)) + [int(part) for part in parts]
    if max(minutes, secs) > 59:
        raise ConfigError(f"max_time: {text!r}: minutes and seconds are at most 59.")
    return ((days * 24 + hours) * 60 + minutes) * 60 + secs


def words(seconds: float) -> str:
    """Format seconds in at most two units: `4.2 s`, `45 s`, `3 min 20 s`, `2 h 05 min`, `3 d 04 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24:02} h"
