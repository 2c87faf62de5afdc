"""The demo's past is for simulated domains only."""

import pytest

from console import demo_history


def test_a_real_domain_is_refused_before_anything_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGNYTE_WATCH_EGNYTE__NAME", "acme")
    monkeypatch.setattr(demo_history, "publish_history", None)
    with pytest.raises(SystemExit, match=r"a real domain, https://acme\.egnyte\.com"):
        demo_history.main()


def test_settings_that_cant_be_used_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGNYTE_WATCH_EGNYTE__NAM", "acme")
    with pytest.raises(SystemExit, match=r"no history was published: .*did you mean 'name'"):
        demo_history.main()
