"""A configuration file → what its commands and the service work by."""

from __future__ import annotations

from pathlib import Path

from restore_tester.backups.names import NamePattern
from restore_tester.config.loading import load as load_configuration
from restore_tester.config.nouns import Configuration
from restore_tester.errors import Misuse


def load(file: Path) -> Configuration:
    """Return the configuration for a command that works by it. Raise Misuse with every mistake."""
    return load_configuration(file, trouble_with_name)


def trouble_with_name(pattern: str) -> str | None:
    """Given a name pattern, return what is wrong with it, or None."""
    try:
        NamePattern(pattern)
    except Misuse as error:
        return error.reason.message
    return None
