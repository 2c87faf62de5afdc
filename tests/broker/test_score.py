"""The score's way through Kafka and worker processes; what it finds is tested in memory."""

from benchmarks.score.pipeline import Run, Site
from benchmarks.score.repeat import rows
from benchmarks.score.world import World
from simulators.scenario import Scenario


async def test_a_quiet_organisation_goes_through_the_whole_pipeline(kafka, tmp_path):
    scenario = Scenario(1, users=4, days=2, behaviours=())
    world = World(tmp_path / "world", scenario)
    site = Site(kafka, tmp_path, world)
    said: list[str] = []
    run = Run(site, world, scenario, workers=1, say=said.append)
    try:
        told = await run.run()
        activities = await site.read("activities")
        people = await site.read("directory")
    finally:
        await site.close()
    events = list(scenario)
    assert run.events == len(events) > 50
    assert len(activities) == len(events)
    assert {record.timestamp for record in activities} == {event["date"] for event in events}
    assert {record.key for record in people} >= {
        f"acme/{person.email}".encode() for person in scenario.organisation.people
    }
    assert [each.message for each in told if not each.suppressed] == []
    assert said[-1].endswith(f"{len(events):,} events")
    assert len(rows(activities, site.settings.kafka.topic_prefix)) == len(events)
