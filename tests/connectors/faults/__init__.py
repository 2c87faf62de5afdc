"""The connector against bad days: every fault the simulator knows, on an injected clock, killed in between."""
