"""How fast, and at what cost: one sitting, interleaved, medians, the same work for all."""
