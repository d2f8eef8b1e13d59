import pytest
from in_memory import RecordingSink
from sink_input import make_frame, make_result

from vidcache.errors import SinkError
from vidcache.frames import Discontinuity
from vidcache.pipeline.outputs import Outputs
from vidcache.pipeline.timer import StageTimer
from vidcache.video import JsonlSink

LOST = Discontinuity("disconnect", 3, 0.12, "no answer", 1.0)


def write_all(outputs, num_frames=4):
    for index in range(num_frames):
        outputs.write(make_frame(index), make_result(index))


def test_an_announcement_reaches_every_sink_that_is_open():
    closed, first, second = RecordingSink(), RecordingSink(), RecordingSink()
    outputs = Outputs([closed, first, second], StageTimer())
    outputs.open({})
    closed.close()
    outputs.announce(LOST)
    assert [sink.announced for sink in (closed, first, second)] == [[], [LOST], [LOST]]


def test_a_sink_that_fails_ends_the_run_of_a_file():
    outputs = Outputs([RecordingSink(fail_at=2), RecordingSink()], StageTimer())
    outputs.open({"live": False})
    with pytest.raises(OSError, match="disk full"):
        write_all(outputs)


def test_a_live_run_goes_on_with_its_other_sinks_and_says_so_at_the_end(caplog):
    failing, healthy = RecordingSink(fail_at=2), RecordingSink()
    outputs = Outputs([failing, healthy], StageTimer())
    outputs.open({"live": True})
    write_all(outputs)
    assert "disk full; the other outputs go on" in caplog.text
    outputs.announce(LOST)
    assert failing.announced == []
    with pytest.raises(OSError, match="disk full"):
        outputs.close({"frames": 4})
    assert [result.index for result in failing.results] == [0, 1]
    assert [result.index for result in healthy.results] == [0, 1, 2, 3]
    assert healthy.end == {"frames": 4, "sinks": {"recording": {"failed": "disk full"}}}
    assert failing.num_closed == healthy.num_closed == 1


def test_a_live_run_with_no_sink_left_ends():
    outputs = Outputs([RecordingSink(fail_at=1), RecordingSink(fail_at=2)], StageTimer())
    outputs.open({"live": True})
    with pytest.raises(OSError, match="disk full"):
        write_all(outputs)


def test_a_live_run_does_not_go_on_for_a_sink_that_only_looks_on():
    onlooker = RecordingSink()
    onlooker.keeps_results = False
    outputs = Outputs([onlooker, RecordingSink(fail_at=1)], StageTimer())
    outputs.open({"live": True})
    with pytest.raises(OSError, match="disk full"):
        write_all(outputs)


def test_a_live_run_ends_when_the_reader_of_its_results_has_gone():
    class Gone(RecordingSink):
        def write(self, frame, result):
            raise SinkError("whoever was reading them has gone") from BrokenPipeError()

    outputs = Outputs([Gone(), RecordingSink()], StageTimer())
    outputs.open({"live": True})
    with pytest.raises(SinkError, match="gone"):
        write_all(outputs)


def test_what_sinks_left_out_stands_in_the_end_record_by_name(tmp_path):
    first, second, results = RecordingSink(), RecordingSink(), JsonlSink(tmp_path / "a.jsonl")
    first.num_dropped, second.num_dropped = 3, 0
    timer = StageTimer()
    outputs = Outputs([second, first, results], timer)
    outputs.open({})
    write_all(outputs)
    outputs.close({"frames": 4})
    assert first.end == {"frames": 4, "sinks": {"recording_2": {"dropped": 3}}}
    assert '"sinks": {"recording_2": {"dropped": 3}}' in (tmp_path / "a.jsonl").read_text()
    assert set(timer.totals()) == {"recording", "recording_2", "jsonl"}
