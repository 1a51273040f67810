"""Servers to post to in a benchmark: local, on a core of their own, and gone afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLIENT_CORE: Final = 0
SERVER_CORE: Final = 1

NGINX: Final = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/body;
  server {{
    listen 127.0.0.1:{port}{ssl} backlog=1024;
    ssl_certificate {pem}; ssl_certificate_key {pem}; ssl_protocols TLSv1.2 TLSv1.3;
    location / {{ return 200; }}
  }}
}}
"""


def pin(process: int, core: int) -> None:
    """Keep a process (0 for this one) on a core, where the system can and has it."""
    if hasattr(os, "sched_setaffinity") and core < (os.cpu_count() or 1):
        os.sched_setaffinity(process, {core})


def certificate(folder: Path) -> Path:
    """Make a certificate for localhost, and return the file that holds it with its key."""
    pem = folder / "localhost.pem"
    run(
        *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
        *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-addext", "subjectAltName=DNS:localhost"),
        *("-keyout", str(pem), "-out", str(pem) + ".crt"),
    )
    pem.write_text(pem.read_text() + pem.with_name(pem.name + ".crt").read_text())
    return pem


@contextmanager
def server(service_ms: float, pem: Path | None, folder: Path) -> Iterator[str]:
    """Serve, and give the URL: by nginx where it is installed and answers at once, else by a stub.

    Args:
        service_ms: how long an answer takes.
        pem: the certificate and key for TLS; None for plain HTTP.
        folder: where nginx may write.
    """
    if service_ms == 0 and shutil.which("nginx"):
        port = _free_port()
        config = folder / "nginx.conf"
        ssl = " ssl" if pem else ""
        # Plain HTTP ignores the certificate, but nginx wants to see the file.
        pem = pem or certificate(folder)
        config.write_text(NGINX.format(folder=folder, port=port, ssl=ssl, pem=pem))
        process = start("nginx", "-p", str(folder), "-c", str(config))
        scheme = "https" if ssl else "http"
    else:
        arguments = [str(service_ms), *([str(pem)] if pem else [])]
        process = start(sys.executable, "-m", "bench.stub", *arguments)
        port = int(process.stdout.readline() if process.stdout else "")
        scheme = "https" if pem else "http"
    try:
        pin(process.pid, SERVER_CORE)
        _wait_for(port, process)
        yield f"{scheme}://localhost:{port}/prod"
    finally:
        process.terminate()
        process.communicate()


def start(*command: str) -> subprocess.Popen[str]:
    """Start a program, its standard output at hand."""
    program = shutil.which(command[0]) or command[0]
    return subprocess.Popen(  # noqa: S603 - programs of ours with arguments of ours
        [program, *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def run(*command: str) -> str:
    """Run a program to its end, and return what it printed.

    Raises:
        RuntimeError: it failed.
    """
    process = start(*command)
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return output


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[str], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
