import pytest

from vidcache.errors import ConfigError
from vidcache.video.sinks.receiver_url import parse_receiver_url


def test_a_url_is_taken_apart_and_shows_no_credentials():
    url = parse_receiver_url("https://m%40x:s%2Fecret@host:8443/a?token=hush", ("http", "https"))
    assert (url.user, url.password) == ("m@x", "s/ecret")
    assert (url.host, url.port, url.parts.path) == ("host", 8443, "/a")
    assert "ecret" not in repr(url)
    assert "hush" not in repr(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://me:secret@host",
        "http://",
        "host",
        "http://me:secret@",
        "http://me:secret/x@host",
        "http://me:secret@host:port",
        "http://me:secret@[::1",
    ],
)
def test_what_cannot_be_understood_is_refused_without_a_password(url):
    with pytest.raises(ConfigError, match="expected http://HOST") as caught:
        parse_receiver_url(url, ("http",))
    assert "secret" not in str(caught.value)
