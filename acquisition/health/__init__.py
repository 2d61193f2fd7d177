"""What the doctor looks at: each module reads facts, and judges them in small pure functions."""
