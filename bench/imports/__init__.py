"""What is imported to be measured: a script, so that nothing of the benchmark is loaded before."""
