"""Speed and memory, as ratios against the bare engine in the same run."""
