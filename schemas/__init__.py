"""What travels: one module of msgspec Structs per topic, and the contract generated from them."""
