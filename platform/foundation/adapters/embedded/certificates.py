"""TLS on this machine: a certificate authority made once, and a fresh certificate from it for every start."""

import ipaddress
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import trustme

from foundation.ambient import now

VALIDITY = timedelta(days=397)  # browsers accept no longer one


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files: the authority that clients have to trust, and what the web server shows."""

    authority: Path
    certificate: Path
    key: Path


def issue(home: Path, host: str) -> Certificates:
    """A certificate for localhost and `host`, from the authority under `<home>/tls`, which is made when there is none."""
    folder = home / "tls"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    issued = _authority(made.authority, folder / "ca.key").issue_cert(
        *dict.fromkeys(("localhost", "127.0.0.1", "::1", _name(host))), not_after=now() + VALIDITY
    )
    _write(made.certificate, b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    _write(made.key, issued.private_key_pem.bytes())
    return made


def _authority(certificate: Path, key: Path) -> trustme.CA:
    if certificate.exists() and key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    made = trustme.CA(organization_name="Generative AI Foundation", organization_unit_name="local certificate authority")
    _write(key, made.private_key_pem.bytes())
    _write(certificate, made.cert_pem.bytes())
    return made


def _name(host: str) -> str:
    """The host as certificates have it."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)
