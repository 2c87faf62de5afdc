"""The generated contract: current, valid AsyncAPI 3.0, whole, and in step with the topics that are created."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft7Validator

from detections import contract_page
from schemas.contract import generate
from schemas.contract.asyncapi import AGENTS
from streams.sections import Settings
from streams.topics import STATEFUL, TOPICS, Topic, full_name, topic_configs

ASYNCAPI: Final = Draft7Validator(json.loads(Path(__file__).with_name("asyncapi-3.0.0.schema.json").read_text("utf-8")))
DOCUMENT: Final[dict[str, Any]] = yaml.safe_load((generate.HERE / "asyncapi.yaml").read_text("utf-8"))


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def resolved(reference: str) -> Any:
    """What `reference` of the document points to. Raises OSError, KeyError where it points to nothing."""
    file, _, pointer = reference.partition("#")
    value = json.loads((generate.HERE / file).read_text("utf-8")) if file else DOCUMENT
    for part in pointer.split("/")[1:]:
        value = value[part]
    return value


def test_the_contract_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().err


def test_what_is_stale_is_named_and_then_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "HERE", tmp_path)
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / "alerts.schema.json").write_text("{}")
    (tmp_path / "gone.schema.json").write_text("{}")
    capsys.readouterr()
    assert generate.main(["--check"]) == 1
    complaints = capsys.readouterr().err.splitlines()
    assert [Path(line.split(" ")[0]).name for line in complaints] == ["alerts.schema.json", "gone.schema.json"]
    assert all(generate.COMMAND in line for line in complaints)
    generate.main([])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(generate.generated())


def test_it_is_valid_asyncapi() -> None:
    assert [error.message for error in ASYNCAPI.iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize(
    "broken",
    [
        {key: value for key, value in DOCUMENT.items() if key != "info"},
        DOCUMENT | {"topics": {}},
        DOCUMENT | {"operations": {"sendAlerts": {"action": "publish", "channel": {"$ref": "#/channels/alerts"}}}},
        DOCUMENT | {"channels": {"alerts": {"bindings": {"kafka": {"partitions": "12", "bindingVersion": "0.5.0"}}}}},
    ],
    ids=["no info", "unknown section", "unknown action", "partitions as text"],
)
def test_invalid_asyncapi_is_refused(broken: dict[str, Any]) -> None:
    assert not ASYNCAPI.is_valid(broken)


def test_every_reference_points_to_something() -> None:
    found = list(references(DOCUMENT))
    assert any(reference.startswith("./alerts.schema.json") for reference in found)
    for reference in found:
        assert resolved(reference)


def test_every_file_is_referred_to() -> None:
    files = {reference.partition("#")[0].removeprefix("./") for reference in references(DOCUMENT)} - {""}
    assert files == set(generate.generated()) - {"asyncapi.yaml"}


def test_consumers_are_told_first_how_to_read() -> None:
    first, second, third = DOCUMENT["info"]["description"].splitlines()[:3]
    assert "isolation.level=read_committed" in first
    assert "Upsert findings by their key" in second
    assert "`replay`" in third


def channel_of(topic: Topic) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["channels"]["changelog" if topic.changelog else topic.name]
    return found


def test_every_topic_is_in_the_contract() -> None:
    wanted = {"changelog" if topic.changelog else topic.name for topic in TOPICS}
    assert set(DOCUMENT["channels"]) == wanted
    assert AGENTS == STATEFUL


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_channel_says_what_the_topic_is_created_with(topic: Topic) -> None:
    settings, channel = Settings(), channel_of(topic)
    values = {name: rule.get("default", topic.name) for name, rule in channel["parameters"].items()}
    assert channel["address"].format(**values) == full_name(settings, topic)
    kafka, configs = channel["bindings"]["kafka"], topic_configs(settings, topic)
    assert kafka["partitions"] == topic.partitions
    assert ",".join(kafka["topicConfiguration"]["cleanup.policy"]) == configs["cleanup.policy"]
    assert kafka["topicConfiguration"].get("retention.ms") == (
        int(configs["retention.ms"]) if "retention.ms" in configs else None
    )


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if not topic.changelog], ids=lambda topic: topic.name)
def test_the_page_names_every_topic(topic: Topic) -> None:
    row = next(
        line for line in contract_page.PAGE.read_text("utf-8").splitlines() if f"| `egnyte.{topic.name}`" in line
    )
    kept = topic_configs(Settings(), topic).get("retention.ms")
    assert row.endswith(f"| {int(kept) // 86_400_000} days |" if kept else "| compacted |")


def test_the_example_of_the_page_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert contract_page.main(["--check"]) == 0, capsys.readouterr().err


def test_a_stale_example_is_named_and_then_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "contract.md"
    monkeypatch.setattr(contract_page, "PAGE", page)
    page.write_text(f"before\n{contract_page.BEGIN}old\n{contract_page.END}after\n")
    assert contract_page.main(["--check"]) == 1
    assert contract_page.main([]) == 0
    assert contract_page.main(["--check"]) == 0
    text = page.read_text("utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    page.write_text("no markers")
    capsys.readouterr()
    assert contract_page.main([]) == 1
    assert "needs the line" in capsys.readouterr().err
