"""restore-tester: restores backups in throwaway environments and measures what comes back."""

__version__ = "0.1.0"
