# SPDX-License-Identifier: Apache-2.0
"""RSA public keys and RS256 signatures (RFC 8017, 8.2.2) by the standard library alone.

Only verifies, so nothing here is secret and time does not matter.
"""

import base64
import hashlib
import hmac
import json
from typing import Any, NamedTuple

SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
INTEGER, BIT_STRING, SEQUENCE = 2, 3, 48


class PublicKey(NamedTuple):
    n: int
    e: int

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Whether `signature` (RSASSA-PKCS1-v1_5 with SHA-256) belongs to `signed`."""
        size = (self.n.bit_length() + 7) // 8
        if len(signature) != size:
            return False
        found = pow(int.from_bytes(signature), self.e, self.n).to_bytes(size)
        info = SHA256_INFO + hashlib.sha256(signed).digest()
        filled = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
        return hmac.compare_digest(found, filled)


def public_key(text: str) -> PublicKey:
    """From a JWK (RFC 7517) or a PEM public key. Raises ValueError."""
    text = text.strip()
    if text.startswith("{"):
        key = json.loads(text)
        return PublicKey(*(int.from_bytes(unpacked(str(key.get(name, "")))) for name in "ne"))
    if "PUBLIC KEY" not in text:
        raise ValueError("neither a JWK nor a PEM public key")
    lines = [line for line in text.splitlines() if line and "-----" not in line]
    numbers = _integers(base64.b64decode("".join(lines)))
    if len(numbers) != 2:
        raise ValueError("no RSA public key")
    return PublicKey(*numbers)


def unpacked(text: str) -> bytes:
    """base64url without padding. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Header, claims, what is signed and the signature of a JWT. Raises ValueError."""
    pieces = token.split(".")
    if len(pieces) != 3:
        raise ValueError("a JWT has three parts")
    header, claims = json.loads(unpacked(pieces[0])), json.loads(unpacked(pieces[1]))
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise ValueError("a JWT's header and claims are objects")
    return header, claims, f"{pieces[0]}.{pieces[1]}".encode(), unpacked(pieces[2])


def _integers(der: bytes) -> list[int]:
    """All numbers of a DER structure, those inside of a bit string as well."""
    found: list[int] = []
    while len(der) >= 2:
        kind, length, at = der[0], der[1], 2
        if length & 0x80:
            at += length & 0x7F
            length = int.from_bytes(der[2:at])
        value, der = der[at : at + length], der[at + length :]
        if kind == INTEGER:
            found.append(int.from_bytes(value))
        elif kind in {SEQUENCE, BIT_STRING}:
            found += _integers(value[1:] if kind == BIT_STRING else value)
    return found
