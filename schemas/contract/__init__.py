"""What consumers may rely on, generated from the Structs: one JSON Schema per topic, and `asyncapi.yaml`."""
