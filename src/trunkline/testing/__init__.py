"""What tests of network programs need, and what ours are made with."""
