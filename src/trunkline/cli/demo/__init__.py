"""What `trunkline demo` runs and shows: `programs` are both."""
