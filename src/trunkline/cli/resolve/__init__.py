"""What `trunkline resolve` does, once its options are known: asking, and writing what is known."""
