"""The AsyncAPI 3.0 document: servers, topics, records, and how to read them."""

from typing import Any, Final

from schemas.contract.channels import CHANNELS, PREFIX, Channel, Record

VERSION: Final = "1.0.0"
"""Of the contract. What breaks a consumer gets a new topic name, so the first number grows only with one."""

KAFKA_BINDING: Final = "0.5.0"
AGENTS: Final = ("detect", "networks", "profile")
"""Agents that have a table, and so a changelog."""

DESCRIPTION: Final = """\
Read with `isolation.level=read_committed`: what an aborted transaction wrote was never said.
Upsert findings by their key: create, update and close of one incident share it, and the latest record is all of it.
Don't page again for a finding with the header `replay`: it was published before, and offsets were reset since.

egnyte-watch guards an Egnyte domain: it takes Egnyte's audit events, learns what is normal for each user, and
publishes what is not. Ignore fields and headers that you don't know. A field that is not sent has its default, which
the schemas name; the version of the schema too. A change that would break a consumer gets a new topic name.
"""

Document = dict[str, Any]


def asyncapi() -> Document:
    """The document, ready to be written as YAML beside the JSON Schemas that it refers to."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "egnyte-watch",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "plain": _server("kafka", "Within a trusted network."),
            "secured": _server("kafka-secure", "TLS, with SASL where the cluster asks for it.")
            | {"security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY]},
        },
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": {f"send-{channel.name}": _operation(channel) for channel in CHANNELS},
        "components": {
            "messages": {record.name: _message(record) for channel in CHANNELS for record in channel.records},
            "securitySchemes": _SECURITY,
        },
    }


_SECURITY: Final[Document] = {
    "plain": {"type": "plain", "description": "SASL PLAIN"},
    "scram256": {"type": "scramSha256", "description": "SASL SCRAM-SHA-256"},
    "scram512": {"type": "scramSha512", "description": "SASL SCRAM-SHA-512"},
}


def _server(protocol: str, description: str) -> Document:
    return {
        "host": "{bootstrap}",
        "protocol": protocol,
        "description": description,
        "variables": {
            "bootstrap": {
                "default": "localhost:9092",
                "description": "host:port of a broker; setting `kafka.bootstrap`.",
            }
        },
    }


def _channel(channel: Channel) -> Document:
    parameters: Document = {"prefix": {"default": PREFIX, "description": "Setting `kafka.topic_prefix`."}}
    if "{agent}" in channel.address:
        parameters["agent"] = {"enum": list(AGENTS), "description": "Whose table it is."}
    configuration: Document = {"cleanup.policy": [channel.cleanup]}
    if channel.kept_ms is not None:
        configuration["retention.ms"] = channel.kept_ms
    document: Document = {
        "address": channel.address,
        "title": channel.title,
        "description": channel.description,
        "parameters": parameters,
        "messages": {record.name: {"$ref": f"#/components/messages/{record.name}"} for record in channel.records},
        "bindings": {
            "kafka": {
                "partitions": channel.partitions,
                "topicConfiguration": configuration,
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }
    return document | {"x-internal": True} if channel.internal else document


def _operation(channel: Channel) -> Document:
    return {
        "action": "send",
        "summary": f"egnyte-watch publishes to {channel.address}, in transactions.",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "messages": [{"$ref": f"#/channels/{channel.name}/messages/{record.name}"} for record in channel.records],
    }


def _message(record: Record) -> Document:
    document: Document = {
        "name": record.name,
        "title": record.title,
        "summary": record.summary,
        "contentType": record.content_type,
    }
    if record.headers:
        document["headers"] = {"$ref": f"./{record.headers}"}
    elif record.may_be_replayed:
        document["headers"] = {
            "type": "object",
            "properties": {
                "replay": {
                    "type": "string",
                    "description": "Which rewind published it again; absent the first time. Only its presence matters.",
                }
            },
        }
    if record.value:
        document["payload"] = {"$ref": f"./{record.value}"}
    document["bindings"] = {
        "kafka": {"key": {"type": "string", "description": record.key}, "bindingVersion": KAFKA_BINDING}
    }
    return document
