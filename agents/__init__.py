"""Who acts: one Faust agent per file. A handler, its topics, and nothing about transactions."""
