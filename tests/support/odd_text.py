"""Hypothesis strategy for unusual texts, for properties that must hold for any text."""

from hypothesis import settings
from hypothesis import strategies as st

# Characters of many scripts, combining marks, quotes, and SQL and full-text syntax.
ODD = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "aAzeéİßｶﾞ가각異步编程ＷＳﬁ①½…c+#.net \n\t\"'“”「」*():^-{}\\&|!<>%_\0\u200b\u0301"
        ),
    ),
    max_size=60,
)


PURE = settings(deadline=None)  # the first example also compiles regular expressions
