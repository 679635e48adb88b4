"""Which encoding a client is sent (RFC 9110, section 12.5.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskapi.compression import chosen, encoded
from tests.test_front import DECODERS


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("", ""),
        ("identity", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("GZIP", "gzip"),
        ("*", "zstd"),
        ("*;q=0", ""),
        ("zstd;q=0, *", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, gzip;q=0.001", "gzip"),
        ("gzip;q=0.2, identity;q=0.5", ""),
        ("deflate, compress", ""),
        ("gzip;q=nonsense, br", "br"),
        (" br ; q=0.8 ,gzip; q=0.7", "br"),
    ],
)
def test_the_preferred_of_ours_is_chosen(header: str, encoding: str) -> None:
    assert chosen(header) == encoding


@given(st.text())
def test_any_header_at_all_chooses_something_we_have(header: str) -> None:
    assert chosen(header) in DECODERS


@given(st.binary(), st.sampled_from(["gzip", "br", "zstd"]))
def test_what_is_encoded_decodes_to_itself(body: bytes, encoding: str) -> None:
    assert DECODERS[encoding](encoded(body, encoding)) == body
