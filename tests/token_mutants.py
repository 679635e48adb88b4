"""Access tokens that are not ours, or not any more, made from a genuine one: each named, none acceptable.

The kinds are those of RFC 8725 and of published attacks on JWT libraries. Where it says `signed`, our own key
signed it: what is wrong is then only what the token says.
"""

import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.genuine import ORDER, Genuine, b64, signature, unb64

Mutants = Iterator[tuple[str, str]]

CLAIMS = ("iss", "aud", "sub", "sid", "uep", "scope", "via", "iat", "nbf", "exp", "jti")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def other_algorithms(of: Genuine) -> Mutants:
    _, payload, sealed = of.parts
    for name in ("none", "None", "NONE", "nOnE"):
        for kind in (of.header | {"alg": name}, {"alg": name}, {"alg": name, "typ": "at+jwt"}):
            header = b64(orjson.dumps(kind))
            yield f"alg {name} without signature", f"{header}.{payload}."
            yield f"alg {name} without third part", f"{header}.{payload}"
            yield f"alg {name} with the signature", f"{header}.{payload}.{sealed}"
    for odd in ("es256", "ES256K", "ES384", "RS256", "PS256", "EdDSA", "", None, 256, ["ES256"]):
        yield f"signed with alg {odd!r}", of.signed(of.header | {"alg": odd})
    yield "signed without alg", of.signed({name: of.header[name] for name in ("kid", "typ")})


def public_key_as_secret(of: Genuine) -> Mutants:
    public, encoding, form = of.key.public_key(), serialization.Encoding, serialization.PublicFormat
    numbers = public.public_numbers()
    jwk = {"kty": "EC", "crv": "P-256"}
    jwk |= {"x": b64(numbers.x.to_bytes(32, "big")), "y": b64(numbers.y.to_bytes(32, "big"))}
    pem = public.public_bytes(encoding.PEM, form.SubjectPublicKeyInfo)
    secrets = {
        "PEM": pem,
        "PEM without its last line break": pem.rstrip(b"\n"),
        "PEM with CRLF": pem.replace(b"\n", b"\r\n"),
        "DER": public.public_bytes(encoding.DER, form.SubjectPublicKeyInfo),
        "point": public.public_bytes(encoding.X962, form.UncompressedPoint),
        "compressed point": public.public_bytes(encoding.X962, form.CompressedPoint),
        "JWK": orjson.dumps(jwk),
        "JWK with spaces": json.dumps(jwk).encode(),
        "nothing": b"",
    }
    for bits in (256, 384, 512):
        header = b64(orjson.dumps(of.header | {"alg": f"HS{bits}"}))
        for name, secret in secrets.items():
            for head, what in ((header, f"HS{bits}"), (of.parts[0], f"our header and HS{bits}")):
                signing_input = f"{head}.{of.parts[1]}"
                tag = hmac.digest(secret, signing_input.encode(), f"sha{bits}")
                yield f"{what} by {name}", f"{signing_input}.{b64(tag)}"


def headers_of_others(of: Genuine) -> Mutants:
    kids: tuple[Any, ...] = (
        "unknown",
        "",
        None,
        0,
        [],
        "../../../../dev/null",
        "/etc/passwd",
        "' OR '1'='1",
        "x\x00",
    )
    for kid in (*kids, "https://evil.example/key", "|id", of.header["kid"] + " ", of.header["kid"].lower()):
        yield f"signed with kid {kid!r}", of.signed(of.header | {"kid": kid})
    for name in ("kid", "typ"):
        yield f"signed without {name}", of.signed({k: v for k, v in of.header.items() if k != name})
    for typ in ("JWT", "AT+JWT", "at+JWT", "refresh", "application/at+jwt", "at+jwt ", "", None, ["at+jwt"]):
        yield f"signed with typ {typ!r}", of.signed(of.header | {"typ": typ})
    mallory = ec.generate_private_key(ec.SECP256R1())
    numbers = mallory.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "kid": of.header["kid"]}
    jwk |= {"x": b64(numbers.x.to_bytes(32, "big")), "y": b64(numbers.y.to_bytes(32, "big"))}
    extra: dict[str, Any] = {
        "jwk": jwk,
        "jku": "https://evil.example/jwks.json",
        "x5u": "https://evil.example/chain.pem",
        "x5c": ["MIIB"],
        "x5t": "AAAA",
        "zip": "DEF",
        "cty": "JWT",
        "enc": "A128GCM",
        "b64": False,
        "crit": [],
    }
    for name, value in extra.items():
        yield f"{name}, signed by another key", of.signed(of.header | {name: value}, key=mallory)
        yield f"{name}, signed", of.signed(of.header | {name: value})
    yield "crit b64", of.signed(of.header | {"crit": ["b64"], "b64": False})
    yield "crit unknown", of.signed(of.header | {"crit": ["x"], "x": 1})
    yield "crit known", of.signed(of.header | {"crit": ["typ"]})
    yield "another key under our kid", of.signed(key=mallory)
    yield "another curve under our kid", of.signed(key=ec.generate_private_key(ec.SECP256K1()))
    header = orjson.dumps(of.header)
    yield "header spelled with spaces", of.signed(json.dumps(of.header).encode())
    yield "header in another order", of.signed(dict(reversed(of.header.items())))
    yield "header twice alg, ours last", of.signed(b'{"alg":"none",' + header[1:])
    yield "header twice alg, ours first", of.signed(header[:-1] + b',"alg":"none"}')
    yield "header twice kid", of.signed(b'{"kid":"unknown",' + header[1:])
    yield "header as a list", of.signed([of.header])
    yield "header not JSON", of.signed(b"not JSON")


def claims_of_others(of: Genuine) -> Mutants:
    for name in CLAIMS:
        yield f"without {name}", of.signed(claims={k: v for k, v in of.claims.items() if k != name})
        kinds: tuple[Any, ...] = (None, True, [], {}, [of.claims[name]])
        for value in kinds:
            yield f"{name} is {value!r}", of.signed(claims=of.claims | {name: value})
    for name in ("iss", "aud"):
        for other in ("other", "", "TASKAPI", "taskapi ", "https://taskapi", 1, ["taskapi", "other"]):
            yield f"{name} is {other!r}", of.signed(claims=of.claims | {name: other})
    for text in (b"[]", b"null", b"1", b'"taskapi"', b"", b"{", b"\xff" * 30, b"{}" + b" " * 30):
        yield f"claims are {text!r}", of.signed(claims=text)


def times_of_others(of: Genuine) -> Mutants:
    now = int(time.time())
    for name in ("iat", "nbf", "exp", "uep"):
        for odd in (str(of.claims[name]), of.claims[name] + 0.5, float(of.claims[name]), "", "soon"):
            yield f"{name} is {odd!r}", of.signed(claims=of.claims | {name: odd})
        for word in (b"NaN", b"Infinity", b"1e400"):
            text = orjson.dumps(of.claims | {name: "?"}).replace(b'"?"', word)
            yield f"{name} is {word!r}", of.signed(claims=text)
    for exp in (now, now - 1, now - 600, 0, -1, -(10**30)):
        yield f"exp {exp - now}", of.signed(claims=of.claims | {"exp": exp})
    for name in ("nbf", "iat"):
        for ahead in (60, 3600, 10**12):
            yield f"{name} in {ahead} s", of.signed(claims=of.claims | {name: now + ahead})


def signatures_of_others(of: Genuine) -> Mutants:
    header, payload, _ = of.parts
    r, s = of.r_and_s
    values = {
        "n - s": (r, ORDER - s),
        "r = 0": (0, s),
        "s = 0": (r, 0),
        "r = s = 0": (0, 0),
        "r = n": (ORDER, s),
        "s = n": (r, ORDER),
        "r = s = n": (ORDER, ORDER),
        "r = 1": (1, 1),
        "r and s changed": (s, r),
        "r + 1": (r + 1, s),
        "s + 1": (r, s + 1),
        "all ones": (2**256 - 1, 2**256 - 1),
    }
    for name, pair in values.items():
        yield name, f"{header}.{payload}.{signature(*pair)}"
    if s + ORDER < 2**256:
        yield "s + n", f"{header}.{payload}.{signature(r, s + ORDER)}"
    raw = unb64(of.parts[2])
    for name, other in {
        "DER": encode_dss_signature(r, s),
        "a byte more": raw + b"\0",
        "a byte before": b"\0" + raw,
        "a byte less": raw[:-1],
        "half": raw[:32],
        "twice": raw * 2,
        "nothing": b"",
    }.items():
        yield f"signature: {name}", f"{header}.{payload}.{b64(other)}"
    for name in ("sub", "sid", "uep", "exp", "jti"):
        changed = b64(orjson.dumps(of.claims | {name: 9_999_999_999}))
        yield f"{name} changed under the old signature", f"{header}.{changed}.{of.parts[2]}"
    respelled = b64(json.dumps(of.claims).encode())
    yield "claims with spaces under the old signature", f"{header}.{respelled}.{of.parts[2]}"
    dup = b64(b'{"sub":"somebody",' + orjson.dumps(of.claims)[1:])
    yield "claims twice sub under the old signature", f"{header}.{dup}.{of.parts[2]}"


def spellings(of: Genuine) -> Mutants:
    """The same bytes, or nearly, written in another way."""
    header, payload, sealed = of.parts
    last = ALPHABET.index(sealed[-1])
    for bits in (1, 2, 3, 8, 15):
        yield f"unused bits {bits}", of.token[:-1] + ALPHABET[last ^ bits]
    for i, part in enumerate(of.parts):
        for name, other in {
            "padded": part + "=",
            "padded twice": part + "==",
            "with a space": part[:30] + " " + part[30:],
            "with a line break": part[:30] + "\n" + part[30:],
            "with NUL": part[:30] + "\0" + part[30:],
            "with a tab at its end": part + "\t",
            "cut": part[:-1],
            "with a letter more": part + "A",
            "in lower case": part.lower(),
            "in upper case": part.upper(),
            "missing": "",
            "full-width": part.replace(part[0], chr(ord(part[0]) + 0xFEE0)),
            "with +": part[:30] + "+" + part[31:],
            "with /": part[:30] + "/" + part[31:],
            "with é": part[:30] + "é" + part[31:],
            "percent-encoded": "%" + part.encode().hex("%"),
        }.items():
            yield f"part {i} {name}", ".".join([*of.parts[:i], other, *of.parts[i + 1 :]])
    for name, token in {
        "empty": "",
        "dots": "..",
        "dot before": "." + of.token,
        "dot after": of.token + ".",
        "four parts": f"{of.token}.{sealed}",
        "five parts": f"{header}..{payload}.{sealed}.{sealed}",
        "detached": f"{header}..{sealed}",
        "quoted": f'"{of.token}"',
        "with a list of two": f"{of.token},{of.token}",
        "a line break after": of.token + "\n",
        "NUL after": of.token + "\0",
        "a mark before": "\ufeff" + of.token,
        "half of a pair": "\ud800" + of.token,
        "null": "null",
        "as JSON": json.dumps({"protected": header, "payload": payload, "signature": sealed}),
        "huge": "A" * (1 << 20),
        "huge parts": ".".join(["A" * 400_000] * 3),
        "huge payload": f"{header}.{payload * 2000}.{sealed}",
        "huge padding of dots": "." * (1 << 20),
        "personal": "tk_" + sealed,
    }.items():
        yield name, token


KINDS = (
    other_algorithms,
    public_key_as_secret,
    headers_of_others,
    claims_of_others,
    times_of_others,
    signatures_of_others,
    spellings,
)


def mutants(of: Genuine) -> dict[str, str]:
    """All of them by name, but the few that came out as the genuine token itself."""
    found = {f"{kind.__name__}: {name}": token for kind in KINDS for name, token in kind(of)}
    return {name: token for name, token in found.items() if token != of.token}
