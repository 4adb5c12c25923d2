"""Small damage to bytes, for tests that want each damaged copy refused or read as another value."""

from hypothesis import strategies as st


@st.composite
def damaged(draw: st.DrawFn, raw: bytes) -> bytes:
    """`raw` with one byte changed, dropped, inserted or doubled, or cut short; never as it was."""
    at = draw(st.integers(0, len(raw) - 1))
    byte = draw(st.integers(0, 255) | st.sampled_from(b"\n +=/-.0x")).to_bytes(1, "big")
    other = draw(
        st.sampled_from(
            [
                raw[:at] + byte + raw[at + 1 :],
                raw[:at] + raw[at + 1 :],
                raw[:at] + byte + raw[at:],
                raw[:at] + raw[at : at + 1] + raw[at:],
                raw[:at],
                raw + byte,
            ]
        ).filter(lambda each: each != raw)
        if byte != raw[at : at + 1]
        else st.sampled_from([raw[:at] + raw[at + 1 :], raw[:at], raw + byte])
    )
    assert other != raw
    return other
