"""The parts of scripts/bench: one module for each benchmark, and what they share."""
