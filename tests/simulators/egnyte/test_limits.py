"""The limits: how many requests pass, and what the next one is told."""

import pytest

USERINFO = "/pubapi/v1/userinfo"


async def _statuses(served, count, path=USERINFO):
    return [(await served.client.get(path)).status_code for _ in range(count)]


async def test_ten_a_minute(serve):
    async with serve(per_minute=10, per_hour=100) as served:
        for left in range(9, -1, -1):
            answer = await served.start(0.1)
            assert answer.status_code == 200
            assert answer.headers["x-ratelimit-limit-minute"] == "10"
            assert answer.headers["x-ratelimit-remaining-minute"] == str(left)
            assert answer.headers["x-ratelimit-remaining-hour"] == str(left + 90)
            served.clock.advance(2)
        refused = await served.start(0.1)
        assert refused.status_code == 429
        assert refused.headers["content-type"].startswith("text/html")
        assert refused.text.startswith("<h1>")
        assert refused.headers["retry-after"] == "40"
        assert refused.headers["x-ratelimit-limit-hour"] == "100"
        assert refused.headers["x-ratelimit-remaining-minute"] == "0"
        assert refused.headers["x-ratelimit-remaining-hour"] == "90"
        served.clock.advance(39.999)
        assert (await served.start(0.1)).status_code == 429
        served.clock.advance(0.001)
        assert (await served.start(0.1)).status_code == 200


async def test_a_hundred_an_hour(serve):
    async with serve(per_minute=10, per_hour=100) as served:
        for _ in range(100):
            assert (await served.start(0.1)).status_code == 200
            served.clock.advance(10)
        refused = await served.start(0.1)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "2600"
        served.clock.advance(2_600)
        assert (await served.start(0.1)).status_code == 200


async def test_other_calls_are_not_under_the_limits_of_the_stream(serve):
    async with serve(per_minute=1) as served:
        assert await _statuses(served, 3) == [200, 200, 200]
        assert (await served.start(0.1)).status_code == 200
        assert (await served.start(0.1)).status_code == 429


async def test_fixed_windows_begin_anew_at_the_full_minute(serve):
    async with serve(per_minute=2, limit_window="fixed") as served:
        served.clock.advance(59)
        assert [(await served.start(0.1)).status_code for _ in range(3)] == [200, 200, 429]
        assert (await served.start(0.1)).headers["retry-after"] == "1"
        served.clock.advance(1)
        assert [(await served.start(0.1)).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(("count_refused", "after"), [(False, 200), (True, 429)])
async def test_refused_requests_may_count(serve, count_refused, after):
    async with serve(per_minute=1, count_refused=count_refused) as served:
        assert (await served.start(0.1)).status_code == 200
        served.clock.advance(30)
        assert (await served.start(0.1)).status_code == 429
        served.clock.advance(30)
        assert (await served.start(0.1)).status_code == after


@pytest.mark.parametrize(("scope", "status"), [("token", 200), ("domain", 429)])
async def test_the_limits_are_a_tokens_or_the_domains(serve, scope, status):
    async with serve(per_minute=1, limit_scope=scope) as served:
        assert (await served.start(0.1)).status_code == 200
        served.client.headers["Authorization"] = f"Bearer {served.simulator.issue_token()}"
        assert (await served.start(0.1)).status_code == status


async def test_headers_on_good_answers_can_be_off(serve):
    async with serve(per_minute=1, limit_headers=False) as served:
        assert not [name for name in (await served.start(0.1)).headers if name.startswith("x-ratelimit")]
        assert (await served.start(0.1)).headers["x-ratelimit-remaining-minute"] == "0"


async def test_masherys_style(serve):
    async with serve(per_minute=1, quota_per_day=3, throttle_style="mashery") as served:
        assert (await served.start(0.1)).status_code == 200
        refused = await served.start(0.1)
        assert refused.status_code == 403
        assert refused.headers["x-mashery-error-code"] == "ERR_403_DEVELOPER_OVER_QPS"
        assert refused.headers["retry-after"] == "60"
        assert refused.text == "<h1>Developer Over Qps</h1>"
        assert await _statuses(served, 2) == [200, 200]
        refused = await served.client.get(USERINFO)
        assert refused.headers["x-mashery-error-code"] == "ERR_403_DEVELOPER_OVER_RATE"
        assert refused.headers["retry-after"] == str(16 * 3_600)


async def test_the_fault_envelope(serve):
    async with serve(per_minute=1, throttle_style="fault") as served:
        await served.start(0.1)
        refused = await served.start(0.1)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "60"
        assert refused.json()["fault"]["detail"]["errorcode"]


async def test_two_a_second(serve):
    async with serve(quota_per_second=2) as served:
        answers = [await served.client.get(USERINFO) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[1].headers["x-accesstoken-qps-allotted"] == "2"
        assert answers[1].headers["x-accesstoken-qps-current"] == "2"
        assert answers[2].headers["retry-after"] == "1"
        served.clock.advance(1)
        assert await _statuses(served, 2) == [200, 200]


async def test_a_thousand_a_day_until_midnight(serve):
    async with serve(quota_per_day=5) as served:
        assert [(await served.start(0.1)).status_code for _ in range(3)] == [200, 200, 200]
        assert await _statuses(served, 3) == [200, 200, 429]
        answer = await served.client.get(USERINFO)
        assert answer.headers["x-accesstoken-quota-current"] == "5"
        assert answer.headers["x-quota-reset"] == "Tuesday, November 25, 2025 12:00:00 AM GMT"
        served.clock.advance(16 * 3_600 - 0.001)
        assert await _statuses(served, 1) == [429]
        served.clock.advance(0.001)
        assert await _statuses(served, 1) == [200]


async def test_the_stream_may_be_outside_the_quota(serve):
    async with serve(quota_per_day=1, quota_counts_stream=False) as served:
        assert [(await served.start(0.1)).status_code for _ in range(3)] == [200, 200, 200]
        assert await _statuses(served, 2) == [200, 429]
