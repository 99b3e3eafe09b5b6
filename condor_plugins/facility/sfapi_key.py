# SPDX-License-Identifier: Apache-2.0
"""RSA keys: a JWK as PEM, and signatures by `cryptography` or by the openssl program."""

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Any

from condor_plugins.facility.values import NoAccess

# RFC 8017 A.1.2: the order of the numbers in an RSAPrivateKey, by their names in RFC 7518 6.3.
NUMBERS = ("n", "e", "d", "p", "q", "dp", "dq", "qi")
SIGNING_S = 10.0


def pem_of_jwk(jwk: Mapping[str, Any]) -> bytes:
    """The private key (PKCS #1) of a JWK. Raises NoAccess, without a word of the content."""
    try:
        numbers = [_number(jwk[name]) for name in NUMBERS]
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise NoAccess("the JWK is no complete RSA private key") from None
    content = _piece(0x30, b"".join(_integer(one) for one in (0, *numbers)))
    lines = base64.encodebytes(content).decode().replace("\n", "")
    rows = "\n".join(lines[start : start + 64] for start in range(0, len(lines), 64))
    kind = "RSA PRIVATE KEY"
    return f"-----BEGIN {kind}-----\n{rows}\n-----END {kind}-----\n".encode()


def signature(pem: bytes, content: bytes) -> bytes:
    """RS256 of the content. Raises NoAccess if this is no RSA key without a passphrase."""
    try:
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415
    except ImportError:
        return _by_openssl(pem, content)
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise NoAccess("the credential's key cannot be read") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise NoAccess("the credential's key is no RSA key")
    return key.sign(content, padding.PKCS1v15(), hashes.SHA256())


def _by_openssl(pem: bytes, content: bytes) -> bytes:
    """The key goes through a pipe: it is in no file, argument or environment."""
    import subprocess  # noqa: PLC0415 - only here

    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as stream:
            stream.write(pem)  # a key fits into a pipe's buffer
        # An empty passphrase: never ask on the terminal.
        argv = ["openssl", "dgst", "-sha256", "-passin", "pass:", "-sign", f"/dev/fd/{reading}"]
        done = subprocess.run(
            argv,
            input=content,
            capture_output=True,
            pass_fds=[reading],
            timeout=SIGNING_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise NoAccess("neither the cryptography package nor openssl is there to sign") from None
    finally:
        os.close(reading)
    if done.returncode != 0:
        raise NoAccess("the credential's key cannot be read")
    return done.stdout


def _number(said: str) -> int:
    padded = said + "=" * (-len(said) % 4)
    number = int.from_bytes(base64.b64decode(padded, altchars=b"-_", validate=True), "big")
    if number <= 0:
        raise ValueError
    return number


def _integer(number: int) -> bytes:
    return _piece(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _piece(tag: int, content: bytes) -> bytes:
    """One element of DER."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
