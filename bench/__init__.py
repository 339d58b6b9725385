"""Speed and memory, as ratios side by side in one run: ``python -m bench``.  Nothing passes or fails on time."""
