"""Texts that break things, for tests that must hold for any text."""

from hypothesis import settings
from hypothesis import strategies as st

# Letters of many scripts with their marks, quotes, syntax of SQL and of full text.
ODD = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "aAzeéİßｶﾞ가각異步编程ＷＳﬁ①½…c+#.net \n\t\"'“”「」*():^-{}\\&|!<>%_\0\u200b\u0301"
        ),
    ),
    max_size=60,
)


PURE = settings(deadline=None)  # the first example pays for what is compiled once
