"""What is suspicious: one pure file per built-in policy. No I/O, no clock, no Kafka."""
