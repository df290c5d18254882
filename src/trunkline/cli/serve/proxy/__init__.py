"""What `trunkline serve proxy` does: `connections` forwards streams, and `datagrams` datagrams."""
