"""What this process uses, and which version it is → the last lines of a body. The one place that knows prometheus-client."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, GCCollector, Info, PlatformCollector, ProcessCollector, disable_created_metrics
from prometheus_client import generate_latest as as_text
from prometheus_client.openmetrics.exposition import generate_latest as as_openmetrics

from restore_tester import __version__
from restore_tester.service.exposition import Format


class ProcessFigures:
    """In a registry of its own: what other libraries register is nobody's business here."""

    def __init__(self) -> None:
        # A second series for each counter, which says when the process began.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        Info("restore_tester_build", "The version that runs.", registry=self._registry).info({"version": __version__})

    def text(self, format: Format) -> bytes:
        """Return the lines as they are now, with the end that the format demands."""
        if format is Format.OPENMETRICS:
            return bytes(as_openmetrics(self._registry))  # type: ignore[no-untyped-call]
        return as_text(self._registry)
