"""What `trunkline doctor` does: `facts` looks at the machine, and `findings` says what they mean.

Only the first of the two does I/O. It sends nothing to anybody.
"""
