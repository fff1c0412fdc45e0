# SPDX-License-Identifier: GPL-3.0-or-later
"""Grants (docs/spec/link.md section 9), made and checked by Python's cryptography package: nothing of the program is in here.

    signer = Signer.new(site)                     # as the manager's: a certificate for grants from the site's nodes issuer
    token = signer.grant(site, ["lobby-main"])    # bytes; changes of the payload as keywords
    header, payload = read(token, root_pem)       # ValueError where anything is wrong with it
"""
import base64
import datetime
import json
import os
import time
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
TLS = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
HEADER = {"alg", "typ", "x5c"}
PAYLOAD = {"v", "id", "site", "person", "gateway", "use", "streams", "from", "until", "session", "iat", "exp"}


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def decode(text):
    if b"=" in text or encode(base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))) != text:
        raise ValueError("not base64url without padding")
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def new_session():
    """(private key, its public half as 130 hex digits): what a gateway makes."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key, key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint).hex()


class Signer:
    """A key with its certificate, which signs grants whether it may or not."""

    def __init__(self, key, leaf, issuer):
        self.key, self.leaf, self.issuer = key, leaf, issuer

    @classmethod
    def new(cls, site, uri="custos://{site}/manager/main", usage=(DOCUMENT_SIGNING,), issuer="nodes", days=(-1, 1)):
        """A leaf of the site's issuer, by the keys in its directory."""
        ca = site.state / "site"
        key = ec.generate_private_key(ec.SECP256R1())
        above = x509.load_pem_x509_certificate((ca / f"{issuer}.crt").read_bytes())
        above_key = serialization.load_pem_private_key((ca / f"{issuer}.key").read_bytes(), None)
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "main")]))
                   .issuer_name(above.subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now + datetime.timedelta(days=days[0])).not_valid_after(now + datetime.timedelta(days=days[1]))
                   .add_extension(x509.BasicConstraints(False, None), True)
                   .add_extension(x509.KeyUsage(True, *[False] * 8), True)
                   .add_extension(x509.ExtendedKeyUsage(list(usage)), False)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
                   .add_extension(above_id(above), False)
                   .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri.format(site=site_name(site)))]), False))
        return cls(key, builder.sign(above_key, hashes.SHA256()), above)

    @classmethod
    def of(cls, key_file, chain_file):
        """A key of the site with its chain, leaf and issuer, as they lie in a directory."""
        chain = Path(chain_file).read_bytes().split(b"-----END CERTIFICATE-----\n")
        leaf, issuer = (x509.load_pem_x509_certificate(c + b"-----END CERTIFICATE-----\n") for c in chain[:2])
        return cls(serialization.load_pem_private_key(Path(key_file).read_bytes(), None), leaf, issuer)

    def sign(self, header, payload):
        """Of two objects, or of the bytes in their place."""
        parts = [encode(p if isinstance(p, bytes) else json.dumps(p, separators=(",", ":")).encode()) for p in (header, payload)]
        r, s = utils.decode_dss_signature(self.key.sign(b".".join(parts), ec.ECDSA(hashes.SHA256())))
        return b".".join([*parts, encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))])

    def header(self, **change):
        der = [base64.b64encode(c.public_bytes(serialization.Encoding.DER)).decode() for c in (self.leaf, self.issuer)]
        return {"alg": "ES256", "typ": "custos-grant-1", "x5c": der, **change}

    def grant(self, of, streams, ago=0, seconds=300, session=None, **change):
        """For live; made `ago` seconds ago, good for `seconds` from then on."""
        name, begin = site_name(of), int(time.time()) - ago
        payload = {"v": 1, "id": os.urandom(16).hex(), "site": name, "person": "Erika M\u00fcller", "gateway": f"custos://{name}/gateway/front",
                   "use": ["live"], "streams": list(streams), "from": None, "until": None, "session": session or new_session()[1],
                   "iat": begin, "exp": begin + seconds}
        if "export" in change.get("use", ()):
            payload |= {"receiver": "Police", "purpose": "case 7"}
        return self.sign(self.header(), {**payload, **change})


def above_id(issuer):
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value)


def site_name(site):
    subject = x509.load_pem_x509_certificate((site.state / "site/root.crt").read_bytes()).subject
    return subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value.removesuffix(" root")


def once(pairs):
    if len({k for k, _ in pairs}) != len(pairs):
        raise ValueError("a member twice")
    return dict(pairs)


def signed_by(cert, above):
    above.public_key().verify(cert.signature, cert.tbs_certificate_bytes, ec.ECDSA(cert.signature_hash_algorithm))


def read(token, root_pem):
    """(header, payload, leaf) of a grant whose form, signature and chain are good."""
    try:
        head, body, signature = token.split(b".")
        header, payload = (json.loads(decode(p), object_pairs_hook=once) for p in (head, body))
        if set(header) != HEADER or set(payload) != PAYLOAD | ({"receiver", "purpose"} if "export" in payload["use"] else set()):
            raise ValueError(f"other members: {sorted(header)} {sorted(payload)}")
        if (header["alg"], header["typ"], len(header["x5c"])) != ("ES256", "custos-grant-1", 2):
            raise ValueError(f"another header: {header}")
        leaf, issuer = (x509.load_der_x509_certificate(base64.b64decode(c, validate=True)) for c in header["x5c"])
        signed_by(leaf, issuer)
        signed_by(issuer, x509.load_pem_x509_certificate(root_pem))
        raw = decode(signature)
        if len(raw) != 64:
            raise ValueError("a signature of 64 bytes")
        der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        leaf.public_key().verify(der, head + b"." + body, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise ValueError("a signature does not verify") from None
    return header, payload, leaf


def revocation_list(site, number, revoked=(), issuer="nodes"):
    """PEM of the issuer's list, as the manager signs it."""
    ca = site.state / "site"
    above = x509.load_pem_x509_certificate((ca / f"{issuer}.crt").read_bytes())
    key = serialization.load_pem_private_key((ca / f"{issuer}.key").read_bytes(), None)
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateRevocationListBuilder().issuer_name(above.subject).last_update(now).next_update(now + datetime.timedelta(days=9))
               .add_extension(x509.CRLNumber(number), False)
               .add_extension(above_id(above), False))
    for cert in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(cert.serial_number).revocation_date(now).build())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
