from vidcache.video.taint import TaintTracker


def judge(taint: TaintTracker, marks, shown: str) -> list[bool]:
    """Ask for pictures in the order shown: ``"0K 2 1"`` is picture 0, a key frame, then 2 and 1."""
    return [
        taint.judge(marks[int(word.strip("K"))], is_key="K" in word, is_corrupt=False)
        for word in shown.split()
    ]


def test_from_damage_to_the_next_key_frame_pictures_are_tainted() -> None:
    taint = TaintTracker(joined=False)
    found = []
    for index in range(8):
        mark = taint.mark()
        if index == 2:
            taint.damage()
        found.append(taint.judge(mark, is_key=index % 5 == 0, is_corrupt=False))
    assert found == [False, False, True, True, True, False, False, False]


def test_pictures_decoded_before_the_damage_but_shown_after_it_are_whole() -> None:
    taint = TaintTracker(joined=False)
    marks = [taint.mark() for _ in range(4)]
    taint.damage()
    assert judge(taint, marks, "0K 2 3 1") == [False, False, True, False]


def test_a_key_frame_that_was_decoded_before_the_damage_does_not_clear_it() -> None:
    taint = TaintTracker(joined=False)
    marks = [taint.mark() for _ in range(3)]
    taint.damage()
    marks.append(taint.mark())
    assert judge(taint, marks, "0 1K 2 3") == [False, False, True, True]


def test_a_damaged_key_frame_clears_nothing() -> None:
    taint = TaintTracker(joined=False)
    marks = [taint.mark()]
    taint.damage()
    marks.append(taint.mark())
    assert judge(taint, marks, "0K 1") == [True, True]


def test_what_refers_to_before_a_key_frame_stays_tainted() -> None:
    taint = TaintTracker(joined=False)
    marks = [taint.mark()]
    taint.damage()
    marks += [taint.mark() for _ in range(3)]
    # Pictures 2 and 3 lead the key frame 1: they are decoded after it and shown before it.
    assert judge(taint, marks, "0 2 3 1K") == [True, True, True, False]


def test_a_stream_joined_in_the_middle_is_tainted_until_a_key_frame() -> None:
    taint = TaintTracker(joined=True)
    marks = [taint.mark() for _ in range(4)]
    assert judge(taint, marks, "0 1 2K 3") == [True, True, False, False]


def test_a_picture_that_the_decoder_calls_corrupt_taints_those_after_it() -> None:
    taint = TaintTracker(joined=False)
    first, second = taint.mark(), taint.mark()
    assert taint.judge(first, is_key=True, is_corrupt=True)
    assert taint.judge(second, is_key=False, is_corrupt=False)


def test_damage_for_ever_takes_no_more_room() -> None:
    taint = TaintTracker(joined=False)
    for _ in range(5000):
        mark = taint.mark()
        taint.damage()
        assert taint.judge(mark, is_key=False, is_corrupt=False)
    assert not taint.judge(taint.mark(), is_key=True, is_corrupt=False)
