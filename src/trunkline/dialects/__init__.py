"""Trunkline under the names, and by the conventions, of Lisp systems: one thin module for each."""
