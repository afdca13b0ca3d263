"""What Warren's services stand on: `contracts` (what they promise each other) and `chassis` (the machinery)."""
