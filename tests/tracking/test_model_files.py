import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from vidcache.errors import ModelError
from vidcache.tracking import find_model, model_files


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory and an empty cache folder, off line."""
    monkeypatch.setenv("VIDCACHE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VIDCACHE_OFFLINE", "1")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.fixture
def bundled(tmp_path, monkeypatch):
    path = tmp_path / "person_yolo26n.pt"
    path.touch()
    monkeypatch.setattr(model_files, "bundled_detector", lambda: path)
    return path


@pytest.fixture
def server(monkeypatch):
    """A real server in the place of the one that publishes models."""
    answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body, length = answers[self.path]
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(model_files, "_RELEASE", f"http://127.0.0.1:{http.server_port}")
    monkeypatch.delenv("VIDCACHE_OFFLINE", raising=False)
    yield answers
    http.shutdown()
    http.server_close()
    thread.join()


def test_auto_takes_the_file_in_the_working_directory(elsewhere, bundled):
    (elsewhere / "here" / "yolo26n.pt").touch()
    found = find_model("auto")
    assert found.path == elsewhere / "here" / "yolo26n.pt"
    assert found.reason == "yolo26n.pt from the working directory"


def test_auto_takes_the_file_in_the_cache_folder(elsewhere, bundled):
    (elsewhere / "cache" / "models").mkdir(parents=True)
    (elsewhere / "cache" / "models" / "yolo26n.pt").touch()
    assert find_model("auto").reason == "yolo26n.pt from the cache folder"


def test_auto_off_line_takes_the_bundled_model_and_says_why(elsewhere, bundled):
    found = find_model("auto")
    assert found.path == bundled
    assert "the bundled person detector" in found.reason
    assert "could not be fetched (VIDCACHE_OFFLINE is set)" in found.reason
    assert "\n" not in found.reason


def test_auto_pose_looks_for_the_published_pose_model_and_takes_the_bundled_one(
    elsewhere, monkeypatch
):
    own = elsewhere / "person_pose_yolo26n.pt"
    own.touch()
    monkeypatch.setattr(model_files, "bundled_pose_model", lambda: own)
    found = find_model("auto-pose")
    assert found.path == find_model("bundled-pose").path == own
    assert found.reason.startswith("the bundled person pose model person_pose_yolo26n.pt, because")
    (elsewhere / "here" / "yolo26n-pose.pt").touch()
    assert find_model("auto-pose").reason == "yolo26n-pose.pt from the working directory"


def test_auto_fetches_into_the_cache_folder(elsewhere, bundled, server):
    body = bytes(200_000)
    server["/yolo26n.pt"] = (200, body, len(body))
    found = find_model("auto")
    assert found.path == elsewhere / "cache" / "models" / "yolo26n.pt"
    assert found.path.read_bytes() == body
    assert found.reason == "yolo26n.pt fetched from github.com"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, b"", 0), "answer 404"),
        ((200, b"a login page", 12), "only 12 of 12 bytes arrived"),
        ((200, bytes(150_000), 200_000), "150000"),
    ],
)
def test_a_bad_answer_leaves_no_file_behind(elsewhere, bundled, server, answer, reason):
    server["/yolo26n.pt"] = answer
    found = find_model("auto")
    assert found.path == bundled
    assert reason in found.reason
    assert not list(elsewhere.glob("cache/models/*"))


def test_a_server_that_does_not_answer_is_given_up(elsewhere, bundled, monkeypatch):
    import socket

    monkeypatch.delenv("VIDCACHE_OFFLINE")
    monkeypatch.setattr(model_files, "_CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(model_files, "_RELEASE", url)
        assert "no answer within 0.2 s" in find_model("auto").reason


@pytest.mark.parametrize("name", ["yolo26s.pt", "yolo26s"])
def test_a_published_name_that_cannot_be_fetched_names_file_places_and_flag(elsewhere, name):
    with pytest.raises(ModelError) as caught:
        find_model(name)
    message = str(caught.value)
    assert "yolo26s.pt" in message
    assert str(elsewhere / "cache" / "models") in message
    assert "working directory" in message
    assert "--detector PATH" in message


@pytest.mark.parametrize("name", ["missing/model.onnx", "nonsense", "nonsense.pt", "model.onnx"])
def test_a_path_that_does_not_exist_is_refused(elsewhere, name):
    with pytest.raises(ModelError, match="there is no model file"):
        find_model(name)


def test_a_path_is_taken_as_it_is(elsewhere):
    path = elsewhere / "my model.onnx"
    path.touch()
    assert find_model(path).path == path
