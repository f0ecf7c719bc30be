"""A bucket of as many objects as asked for, which lie nowhere: a server that speaks the listings of S3, in a process of its own.

Run `python -m tests.large_bucket PAGES` for the server (it prints its port), or `python -m tests.large_bucket PAGES ENDPOINT` to list it
once, in a process of its own too: it prints a line of JSON with the seconds, and with the peak of memory (bytes) before and after.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

PAGE = 1000
ROOT = Path(__file__).resolve().parents[1]
DAY = re.compile(r"continuation-token=(\d+)")


def page(number: int, pages: int) -> bytes:
    """Return a page of a thousand keys; the last of each is called like a backup, the others like log files."""
    stamp = "<LastModified>2026-11-04T00:00:00.000Z</LastModified><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>9</Size>"
    rows = [f"<Contents><Key>b/{number:06}/{row:04}.log</Key>{stamp}</Contents>" for row in range(PAGE - 1)]
    rows.append(f"<Contents><Key>b/{number:06}/orders-20261104.dump</Key>{stamp}</Contents>")
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{number + 1}</NextContinuationToken>"
    head = more if number + 1 < pages else "<IsTruncated>false</IsTruncated>"
    return f'<?xml version="1.0"?><ListBucketResult>{head}{"".join(rows)}</ListBucketResult>'.encode()


def serve(pages: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            target = unquote(self.path)
            if "uploads" in target:
                body = b"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
            elif "versions" in target:
                body = b"<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>"
            else:
                token = DAY.search(target)
                body = page(int(token[1]) if token else 0, pages)
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


def list_once(endpoint: str) -> None:
    from restore_tester.backups.s3_source import S3Source
    from restore_tester.clock import SystemClock
    from restore_tester.model import Location

    os.environ.update(ACCESS_KEY="k", SECRET_KEY="s")
    keys = (("access_key", "env:ACCESS_KEY"), ("secret_key", "env:SECRET_KEY"))
    name = ("name", "{any}/orders-{taken_at:%Y%m%d}.dump")
    source = S3Source(Location("place", "s3", "s3://bucket/b/", (("endpoint_url", endpoint), *keys, name)), SystemClock())
    assert "@" in source.identity  # boto3 is loaded
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    listing = source.list_backups()
    told = {
        "seconds": time.monotonic() - began,
        "before": before * 1024,
        "after": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "complete": len(listing.complete),
        "unrecognised": listing.unrecognised_count,
    }
    print(json.dumps(told))


@dataclass(frozen=True)
class Listed:
    """What one listing took."""

    seconds: float
    before: int
    after: int
    complete: int
    unrecognised: int


@contextmanager
def large_bucket(pages: int) -> Iterator[str]:
    """Return the endpoint of a server with a bucket of that many thousands of objects, until the block ends."""
    with subprocess.Popen([sys.executable, "-m", "tests.large_bucket", str(pages)], stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def listed(pages: int) -> Listed:
    """List such a bucket in a process of its own."""
    with large_bucket(pages) as endpoint:
        argv = [sys.executable, "-m", "tests.large_bucket", str(pages), endpoint]
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, timeout=600, cwd=ROOT)
    return Listed(**json.loads(done.stdout))


if __name__ == "__main__":
    list_once(sys.argv[2]) if len(sys.argv) > 2 else serve(int(sys.argv[1]))
