"""What is asked of numbered verdicts is what a list of them says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylogbert_daemon.model.encoded import Dictionary, Encoded
from tinylogbert_daemon.model.scorer import blank_verdict

DICTIONARY = [blank_verdict(str(i)) for i in range(200)]


@pytest.mark.parametrize("size", [10, 200])  # counted by place, sorted where there are few
@given(numbers=st.lists(st.integers(0, 9), max_size=30))
def test_numbers_answer_as_the_verdicts_do(size: int, numbers: list[int]) -> None:
    encoded = Encoded(Dictionary(DICTIONARY[:size]), np.array(numbers, np.intp))
    verdicts = [DICTIONARY[number] for number in numbers]
    assert encoded.decoded() == verdicts
    assert len(encoded) == len(verdicts)
    assert encoded.present.tolist() == sorted(set(numbers))
    assert encoded.distinct == [DICTIONARY[number] for number in sorted(set(numbers))]
    counts = Counter(verdicts)
    for verdict in DICTIONARY[:10]:
        assert encoded.count(verdict) == counts[verdict]
        places = [place for place, other in enumerate(verdicts) if other is verdict]
        assert encoded.places(verdict) == places
        if places:
            assert (encoded.first(verdict), encoded.last(verdict)) == (places[0], places[-1])
