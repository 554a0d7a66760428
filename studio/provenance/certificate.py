"""Whose name stands under the credentials of pictures: a certificate of this installation's own, or
the owner's."""

from __future__ import annotations

import datetime
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from studio.domain.errors import InvalidRequest
from studio.domain.files import as_text

FILE = "signing.pem"
"""The key and its certificates, in one file so that they cannot be of two studios."""
_NAME = "Latent Studio"
_VALID = datetime.timedelta(days=3650)
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


@dataclass(frozen=True, repr=False)
class Identity:
    """`algorithm`: as C2PA names it; `chain`: certificates as PEM, the signer's first; `key`: the
    private key as PEM; `serial`: of the signer's certificate, in decimal digits."""

    algorithm: str
    chain: bytes
    key: bytes
    serial: str


def own(folder: Path) -> Identity:
    """That in `folder`, made there where there is none; in memory where it cannot be written.
    Raises `InvalidRequest` for a damaged one."""
    path = folder / FILE
    if not path.exists():
        made = _made()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(path, made.key + made.chain)
        except OSError:
            return made
    return given(path, path)  # another process may have been first


def given(key_file: Path, chain_file: Path) -> Identity:
    """The owner's. Raises `InvalidRequest` where the files cannot be read, or do not belong
    together."""
    key_data, chain_data = _read(key_file), _read(chain_file)
    try:
        key = serialization.load_pem_private_key(key_data, None)
        chain = x509.load_pem_x509_certificates(chain_data)
    except (ValueError, TypeError) as error:
        raise InvalidRequest(
            f"{as_text(key_file)} and {as_text(chain_file)} are no private key and certificate as "
            f"PEM without a password: {error}. Export them so."
        ) from None
    algorithm = _algorithm(key)
    if algorithm is None:
        raise InvalidRequest(
            f"{as_text(key_file)} is of a kind that does not sign here. Use one on the curve P-256 "
            "(ES256), P-384, P-521, or Ed25519."
        )
    if _public(key.public_key()) != _public(chain[0].public_key()):
        raise InvalidRequest(
            f"{as_text(key_file)} is not the key of {as_text(chain_file)}, whose first certificate "
            "must be the signer's own."
        )
    return _identity(algorithm, chain, key)


def _algorithm(key: Any) -> str | None:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _CURVES.get(key.curve.name)
    return "ED25519" if isinstance(key, ed25519.Ed25519PrivateKey) else None


def _made() -> Identity:
    """A root that signs one certificate and is forgotten: C2PA refuses those that sign themselves
    (specification 2.1, 14.5.1)."""
    label = f"this installation, {secrets.token_hex(4)}"
    root_name, name = _named(f"Root of {label}"), _named(f"{_NAME}: {label}")
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root = (
        _builder(root_name, root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(_usage(signs_certificates=True), True)
        .add_extension(issuer, False)
        .sign(root_key, hashes.SHA256())
    )
    signer = (
        _builder(name, root_name, key.public_key())
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(_usage(signs_certificates=False), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False
        )
        .sign(root_key, hashes.SHA256())
    )
    return _identity("ES256", [signer, root], key)


def _identity(algorithm: str, chain: list[x509.Certificate], key: Any) -> Identity:
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    listed = b"".join(certificate.public_bytes(encoding) for certificate in chain)
    return Identity(algorithm, listed, private, str(chain[0].serial_number))


def _named(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _NAME),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _builder(name: x509.Name, issuer: x509.Name, key: Any) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(now + _VALID)
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _public(key: Any) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(
            f"{as_text(path)} cannot be read: {error.strerror}. Name a PEM file."
        ) from None


def _write(path: Path, data: bytes) -> None:
    """Nobody else may read it, not for a moment either."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
