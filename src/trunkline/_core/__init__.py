"""What is clever, and does no input or output: fed by the shells above, tested byte by byte."""
