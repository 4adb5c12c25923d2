"""The worker under TLS: gunicorn wraps the sockets then, and they are served all the same."""

from __future__ import annotations

import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

APPLICATION = """
def application(environ, start):
    start("200 OK", [("Content-Length", "5"), ("Content-Type", "text/plain")])
    return [environ["wsgi.url_scheme"].encode()]
"""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate that 127.0.0.1 gave itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    file.chmod(0o600)
    return file


@pytest.fixture
def address(certificate: Path, tmp_path: Path) -> Iterator[str]:
    """Where one worker of ours serves by https."""
    (tmp_path / "served.py").write_text(APPLICATION)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "served:application", "--pythonpath", tmp_path),
            *("--worker-class", "ledger.cli.patience.PatientWorker", "--threads", "2"),
            *("--certfile", certificate, "--keyfile", certificate, "--bind", "127.0.0.1:0"),
            "--no-control-socket",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    listening = next(line for line in process.stderr if "Listening at: " in line)
    yield listening.partition("Listening at: ")[2].split()[0]
    process.terminate()
    process.communicate(timeout=60)


def test_a_request_by_tls_is_answered(address: str, certificate: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    for _ in range(2):
        with urllib.request.urlopen(address, timeout=10, context=context) as response:
            assert response.read() == b"https"
