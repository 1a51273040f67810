"""Throw-away certificates."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from pathlib import Path

DAY = datetime.timedelta(days=1)
_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """A certificate authority of a moment.

    Attributes:
        file: its own certificate, for clients that trust it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Fanfare's tests")])
        own = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(self._sign(own).public_bytes(serialization.Encoding.PEM))

    def trust(self) -> ssl.SSLContext:
        """Return the context of a client that trusts this authority alone, and is strict."""
        context = ssl.create_default_context(cafile=str(self.file))
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # as by default from Python 3.13 on
        return context

    def server(self, name: str) -> ssl.SSLContext:
        """Return the context of a server that has a certificate for a name or an IP address."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            self._builder(
                x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), key.public_key()
            ).add_extension(x509.SubjectAlternativeName([_general_name(name)]), critical=False)
        )
        file = self._folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        return context

    # A strict client wants what RFC 5280 does: each certificate names its own key and its
    # issuer's, and an authority's says what its key may be used for.
    # https://docs.python.org/3/library/ssl.html#ssl.create_default_context
    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        return builder.sign(self._key, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
